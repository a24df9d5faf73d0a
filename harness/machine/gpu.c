#include "harness/machine/gpu.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/machine/proc_file.h"
#include "optimizations/device/cuda_driver.h"

/* "16.0 GT/s PCIe" to a generation */
static int generation_of(const char *speed)
{
    static const double per_lane[] = {2.5, 5, 8, 16, 32, 64};
    double transfers = strtod(speed, NULL);
    for (int i = 0; i < (int)(sizeof per_lane / sizeof *per_lane); i++) {
        if (transfers == per_lane[i]) {
            return i + 1;
        }
    }
    return 0;
}

/* The best that the link can do: what it runs at now drops when the card is idle. */
static void read_link(const char *root, vlt_machine_gpu *gpu)
{
    char path[128], text[64], bus[32];
    uint64_t width;
    vlt_proc_copy(bus, sizeof bus, gpu->bus_id);
    for (char *at = bus; *at; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    static const char folder[] = "/sys/bus/pci/devices/%s/%s";
    if (snprintf(path, sizeof path, folder, bus, "max_link_speed") < (int)sizeof path &&
        vlt_proc_read(root, path, text, sizeof text)) {
        gpu->link_generation = generation_of(text);
    }
    if (snprintf(path, sizeof path, folder, bus, "max_link_width") < (int)sizeof path &&
        vlt_proc_read_u64(root, path, &width) && width <= 64) {
        gpu->link_width = (int)width;
    }
    if (snprintf(path, sizeof path, folder, bus, "numa_node") < (int)sizeof path &&
        vlt_proc_read(root, path, text, sizeof text)) {
        gpu->numa_node = (int)strtol(text, NULL, 10);
    }
}

static vlt_status read_device(const vlt_cuda_driver *driver, int ordinal, vlt_machine_gpu *gpu,
                              vlt_error *err)
{
    vlt_cu_device device;
    size_t bytes = 0;
    int major = 0, minor = 0;
    *gpu = (vlt_machine_gpu){.numa_node = -1};
    vlt_status status = vlt_cuda_check(driver, driver->device_get(&device, ordinal), "cuDeviceGet",
                                       err);
    if (status != VLT_OK) {
        return status;
    }
    driver->device_name(gpu->name, sizeof gpu->name, device);
    driver->device_bus_id(gpu->bus_id, sizeof gpu->bus_id, device);
    driver->device_memory(&bytes, device);
    driver->device_attribute(&major, VLT_CU_ATTRIBUTE_CAPABILITY_MAJOR, device);
    driver->device_attribute(&minor, VLT_CU_ATTRIBUTE_CAPABILITY_MINOR, device);
    driver->device_attribute(&gpu->multiprocessors, VLT_CU_ATTRIBUTE_MULTIPROCESSORS, device);
    gpu->memory_bytes = bytes;
    gpu->capability = major * 10 + minor;
    return VLT_OK;
}

void vlt_gpu_read(const char *root, vlt_machine *machine)
{
    const vlt_cuda_driver *driver;
    vlt_error err = {0};
    vlt_status status = vlt_cuda_driver_open(&driver, &err);
    for (int i = 0; status == VLT_OK && i < driver->device_count_seen && i < VLT_MACHINE_GPUS;
         i++) {
        status = read_device(driver, i, &machine->gpu[machine->gpu_count], &err);
        if (status == VLT_OK) {
            read_link(root, &machine->gpu[machine->gpu_count]);
            machine->gpu_count++;
            machine->gpu_driver = driver->version;
        }
    }
    if (status != VLT_OK) {
        vlt_proc_copy(machine->caps.gpu_reason, sizeof machine->caps.gpu_reason, err.message);
    }
}
