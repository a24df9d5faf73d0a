#include "optimizations/device/device_open.h"

#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "optimizations/device/cuda_driver.h"
#include "optimizations/device/device_cuda.h"
#include "optimizations/device/device_host.h"
#include "optimizations/device/device_sim.h"

typedef enum wanted { NONE, AUTO, CUDA, HOST, SIMULATED } wanted;

static vlt_status parse(const char *name, wanted *kind, int *ordinal, vlt_error *err)
{
    static const char *const words[] = {"none", "auto", NULL, "host", "simulated"};
    static const char cuda[] = "cuda:";
    *ordinal = 0;
    for (int i = NONE; i <= SIMULATED; i++) {
        if (words[i] && !strcmp(name, words[i])) {
            *kind = (wanted)i;
            return VLT_OK;
        }
    }
    if (!strncmp(name, cuda, strlen(cuda))) {
        const char *digits = name + strlen(cuda);
        size_t count = strspn(digits, "0123456789");
        if (count >= 1 && count <= 3 && !digits[count]) {
            *kind = CUDA;
            *ordinal = (int)strtol(digits, NULL, 10);
            return VLT_OK;
        }
    }
    return vlt_fail(err, VLT_STATUS_USAGE,
                    "device '%s', expected none, auto, cuda:N, host or simulated",
                    vlt_quoted_word(name).text);
}

static vlt_status check_cuda(int ordinal, vlt_error *err)
{
    const vlt_cuda_driver *driver;
    vlt_status status = vlt_cuda_driver_open(&driver, err);
    if (status != VLT_OK) {
        return vlt_fail_in(err, status, "device cuda:%d: ", ordinal);
    }
    if (ordinal >= driver->device_count_seen) {
        return vlt_fail(err, VLT_STATUS_UNSUPPORTED,
                        "device cuda:%d: the driver has %d device%s, numbered from 0", ordinal,
                        driver->device_count_seen, driver->device_count_seen == 1 ? "" : "s");
    }
    return VLT_OK;
}

vlt_status vlt_device_check(const char *name, vlt_error *err)
{
    wanted kind;
    int ordinal;
    vlt_status status = parse(name, &kind, &ordinal, err);
    return status == VLT_OK && kind == CUDA ? check_cuda(ordinal, err) : status;
}

vlt_status vlt_device_open(const char *name, vlt_device **out, vlt_error *err)
{
    wanted kind = NONE;
    int ordinal = 0;
    *out = NULL;
    vlt_status status = name ? parse(name, &kind, &ordinal, err) : VLT_OK;
    if (status == VLT_OK && kind == CUDA) {
        status = check_cuda(ordinal, err);
    } else if (status == VLT_OK && kind == AUTO) {
        kind = check_cuda(0, NULL) == VLT_OK ? CUDA : NONE;
    }
    if (status != VLT_OK) {
        return status;
    }
    if (kind == CUDA) {
        return vlt_device_cuda_create(ordinal, out, err);
    }
    if (kind == SIMULATED) {
        const vlt_sim_options options = vlt_sim_options_default();
        return vlt_device_sim_create(&options, out, err);
    }
    return kind == HOST ? vlt_device_host_create(out, err) : VLT_OK;
}

void vlt_device_close(vlt_device *device)
{
    if (device) {
        device->table->destroy(device);
    }
}

void vlt_caps_take_device(vlt_caps *caps, const vlt_device *device)
{
    vlt_utf8_format(caps->device, sizeof caps->device, "%s", device ? device->name : "");
    caps->device_reason[0] = '\0';
    if (device && device->kind == VLT_DEVICE_CUDA) {
        caps->gpu_count = caps->gpu_count ? caps->gpu_count : 1;
        vlt_utf8_format(caps->gpu_name, sizeof caps->gpu_name, "%s", device->name);
    }
}
