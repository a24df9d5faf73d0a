/* device_open.h: a device by its name: none, auto, cuda:N, host, simulated. */
#ifndef VLT_DEVICE_OPEN_H
#define VLT_DEVICE_OPEN_H

#include "optimizations/core/caps.h"
#include "optimizations/device/device.h"

/* Is it a name, and is such a device there? auto is: it may come down to none. USAGE names what is
 * expected, UNSUPPORTED says why there is none. */
vlt_status vlt_device_check(const char *name, vlt_error *err);

/* *out is owned, or NULL for none (also NULL as the name), and for auto without a GPU. */
vlt_status vlt_device_open(const char *name, vlt_device **out, vlt_error *err);
void vlt_device_close(vlt_device *device); /* NULL is fine */

/* What variants are told of it; NULL: none. */
void vlt_caps_take_device(vlt_caps *caps, const vlt_device *device);

#endif
