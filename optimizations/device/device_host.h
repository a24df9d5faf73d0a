/* device_host.h: the host as a device: every stream is a thread that really copies and computes.
 *
 * Streams, events, overlap and staging behave as on an accelerator, on the cores of this machine,
 * so that what is measured is real. Device memory is host memory in blocks of their own.
 */
#ifndef VLT_DEVICE_HOST_H
#define VLT_DEVICE_HOST_H

#include "optimizations/device/device.h"

/* *out is owned: (*out)->table->destroy(*out). A stream takes one thread; work beyond its queue of
 * 256 commands makes the caller wait. The functions of the table may be called by one thread at a
 * time, event_passed and clock_ns by any. */
vlt_status vlt_device_host_create(vlt_device **out, vlt_error *err);

#endif
