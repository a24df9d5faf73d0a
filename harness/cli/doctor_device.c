/* What --device names, tried: bytes go there, through a kernel, and back. */
#include <string.h>

#include "harness/cli/doctor.h"
#include "optimizations/core/utf8_text.h"
#include "optimizations/device/device_open.h"
#include "optimizations/transfer/transfer.h"

enum { BYTES = 1 << 16, BLOCK = 256 };

static vlt_status round_trip(vlt_device *device, vlt_stream *stream, vlt_kernel *kernel,
                             vlt_device_address memory, unsigned char *bytes, vlt_error *err)
{
    const vlt_device_table *table = device->table;
    const vlt_kernel_launch launch = {.grid = {BYTES / 4 / BLOCK, 1, 1},
                                      .block = {BLOCK, 1, 1},
                                      .argument_count = 3,
                                      .argument = {vlt_argument_memory(memory, BYTES),
                                                   vlt_argument_i64(BYTES), vlt_argument_i32(1)}};
    vlt_status status = table->copy_to_async(device, stream, memory, bytes, BYTES, err);
    if (status == VLT_OK) {
        status = table->launch_async(device, stream, kernel, &launch, err);
    }
    if (status == VLT_OK) {
        status = table->copy_from_async(device, stream, bytes, memory, BYTES, err);
    }
    vlt_status waited = table->stream_wait(device, stream, status == VLT_OK ? err : NULL);
    return status == VLT_OK ? waited : status;
}

static vlt_status try_device(vlt_device *device, vlt_error *err)
{
    static unsigned char bytes[BYTES], right[BYTES];
    const vlt_device_table *table = device->table;
    vlt_stream *stream = NULL;
    vlt_kernel *kernel = NULL;
    vlt_device_address memory = 0;
    for (int i = 0; i < BYTES; i++) {
        bytes[i] = right[i] = (unsigned char)(i * 7 + i / 256);
    }
    vlt_transfer_mix(right, BYTES, 1);
    vlt_status status = table->stream_create(device, &stream, err);
    if (status == VLT_OK) {
        status = table->memory_alloc(device, BYTES, &memory, err);
    }
    if (status == VLT_OK) {
        status = table->kernel_create(device, &vlt_transfer_mix_source, NULL, 0, &kernel, err);
    }
    if (status == VLT_OK) {
        status = round_trip(device, stream, kernel, memory, bytes, err);
    }
    if (status == VLT_OK && memcmp(bytes, right, BYTES) != 0) {
        status = vlt_fail(err, VLT_STATUS_WRONG, "a kernel gave wrong bytes");
    }
    table->stream_destroy(device, stream);
    table->kernel_destroy(device, kernel);
    table->memory_free(device, memory);
    return status;
}

void vlt_doctor_examine_device(const char *name, vlt_doctor *doctor)
{
    vlt_device *device = NULL;
    vlt_error err = {0};
    if (!name || !strcmp(name, "none") || doctor->count == VLT_FINDINGS_MAX) {
        return;
    }
    vlt_finding *finding = &doctor->finding[doctor->count++];
    vlt_status status = vlt_device_open(name, &device, &err);
    if (status == VLT_OK && device) {
        status = try_device(device, &err);
    }
    *finding = (vlt_finding){.subject = "device"};
    if (status == VLT_OK && device) {
        finding->state = VLT_FINDING_HAS;
        vlt_utf8_format(finding->fact, sizeof finding->fact,
                        "%s (%s): bytes went there, through a kernel, and back", name,
                        device->name);
    } else {
        finding->state = VLT_FINDING_LACKS;
        finding->consequence = "variants that need a device are not used";
        finding->repair = "an NVIDIA GPU with its driver and NVRTC, or --device host";
        vlt_utf8_format(finding->fact, sizeof finding->fact, "%s: %s", name,
                        status == VLT_OK ? "no GPU is there" : err.message);
    }
    vlt_device_close(device);
}
