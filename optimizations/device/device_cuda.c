#include "optimizations/device/device_cuda.h"

#include <stdlib.h>
#include <string.h>

#include "optimizations/core/clock.h"
#include "optimizations/core/utf8_text.h"
#include "optimizations/device/cuda_driver.h"
#include "optimizations/device/nvrtc.h"

enum { MACRO_BYTES = 64, STREAM_NON_BLOCKING = 1, EVENT_NO_TIME = 2 };

struct vlt_kernel {
    const char *entry;
    vlt_cu_module module;
    vlt_cu_function function;
};

struct cuda {
    vlt_device device;
    const vlt_cuda_driver *driver;
    vlt_cu_device ordinal;
    vlt_cu_context context;
    int capability;
    char name[64];
};

/* The handles of the table are the driver's own. */
static vlt_cu_stream stream_of(vlt_stream *stream)
{
    return (vlt_cu_stream)(void *)stream;
}

static vlt_cu_event event_of(vlt_event *event)
{
    return (vlt_cu_event)(void *)event;
}

/* Makes the context current on the calling thread, then checks the call's result. */
static vlt_status enter(struct cuda *cuda, vlt_error *err)
{
    return vlt_cuda_check(cuda->driver, cuda->driver->context_set(cuda->context), "cuCtxSetCurrent",
                          err);
}

#define CUDA_CALL(cuda, err, member, ...)                                                    \
    (enter(cuda, err) == VLT_OK                                                              \
         ? vlt_cuda_check((cuda)->driver, (cuda)->driver->member(__VA_ARGS__), #member, err) \
         : VLT_STATUS_INTERNAL)

static vlt_status memory_alloc(vlt_device *device, size_t bytes, vlt_device_address *out,
                               vlt_error *err)
{
    struct cuda *cuda = device->state;
    *out = 0;
    return CUDA_CALL(cuda, err, memory_alloc, out, bytes ? bytes : 1);
}

static void memory_free(vlt_device *device, vlt_device_address address)
{
    struct cuda *cuda = device->state;
    if (address && enter(cuda, NULL) == VLT_OK) {
        cuda->driver->memory_free(address);
    }
}

static vlt_status pinned_alloc(vlt_device *device, size_t bytes, void **out, vlt_error *err)
{
    struct cuda *cuda = device->state;
    *out = NULL;
    return CUDA_CALL(cuda, err, host_alloc, out, bytes ? bytes : 1, 0);
}

static void pinned_free(vlt_device *device, void *block)
{
    struct cuda *cuda = device->state;
    if (block && enter(cuda, NULL) == VLT_OK) {
        cuda->driver->host_free(block);
    }
}

static vlt_status stream_create(vlt_device *device, vlt_stream **out, vlt_error *err)
{
    struct cuda *cuda = device->state;
    vlt_cu_stream stream = NULL;
    vlt_status status = CUDA_CALL(cuda, err, stream_create, &stream, STREAM_NON_BLOCKING);
    *out = (vlt_stream *)(void *)stream;
    return status;
}

static void stream_destroy(vlt_device *device, vlt_stream *stream)
{
    struct cuda *cuda = device->state;
    if (stream && enter(cuda, NULL) == VLT_OK) {
        cuda->driver->stream_wait(stream_of(stream));
        cuda->driver->stream_destroy(stream_of(stream));
    }
}

static vlt_status stream_wait(vlt_device *device, vlt_stream *stream, vlt_error *err)
{
    return CUDA_CALL((struct cuda *)device->state, err, stream_wait, stream_of(stream));
}

static vlt_status event_create(vlt_device *device, vlt_event **out, vlt_error *err)
{
    struct cuda *cuda = device->state;
    vlt_cu_event event = NULL;
    vlt_status status = CUDA_CALL(cuda, err, event_create, &event, EVENT_NO_TIME);
    *out = (vlt_event *)(void *)event;
    return status;
}

static void event_destroy(vlt_device *device, vlt_event *event)
{
    struct cuda *cuda = device->state;
    if (event && enter(cuda, NULL) == VLT_OK) {
        cuda->driver->event_destroy(event_of(event));
    }
}

static vlt_status event_record(vlt_device *device, vlt_event *event, vlt_stream *stream,
                               vlt_error *err)
{
    return CUDA_CALL((struct cuda *)device->state, err, event_record, event_of(event),
                     stream_of(stream));
}

static vlt_status event_wait(vlt_device *device, vlt_event *event, vlt_error *err)
{
    return CUDA_CALL((struct cuda *)device->state, err, event_wait, event_of(event));
}

static bool event_passed(vlt_device *device, vlt_event *event)
{
    struct cuda *cuda = device->state;
    return enter(cuda, NULL) == VLT_OK && cuda->driver->event_query(event_of(event)) == 0;
}

static vlt_status stream_wait_event(vlt_device *device, vlt_stream *stream, vlt_event *event,
                                    vlt_error *err)
{
    return CUDA_CALL((struct cuda *)device->state, err, stream_wait_event, stream_of(stream),
                     event_of(event), 0);
}

static vlt_status copy_to_async(vlt_device *device, vlt_stream *stream, vlt_device_address to,
                                const void *from, size_t bytes, vlt_error *err)
{
    device->bytes_to += bytes;
    return CUDA_CALL((struct cuda *)device->state, err, copy_to, to, from, bytes,
                     stream_of(stream));
}

static vlt_status copy_from_async(vlt_device *device, vlt_stream *stream, void *to,
                                  vlt_device_address from, size_t bytes, vlt_error *err)
{
    device->bytes_from += bytes;
    return CUDA_CALL((struct cuda *)device->state, err, copy_from, to, from, bytes,
                     stream_of(stream));
}

static vlt_status load_image(struct cuda *cuda, const char *image, vlt_kernel *kernel,
                             vlt_error *err)
{
    vlt_status status = CUDA_CALL(cuda, err, module_load, &kernel->module, image, 0, NULL, NULL);
    return status == VLT_OK ? CUDA_CALL(cuda, err, module_function, &kernel->function,
                                        kernel->module, kernel->entry)
                            : status;
}

static void kernel_destroy(vlt_device *device, vlt_kernel *kernel)
{
    struct cuda *cuda = device->state;
    if (kernel && kernel->module && enter(cuda, NULL) == VLT_OK) {
        cuda->driver->module_unload(kernel->module);
    }
    free(kernel);
}

static vlt_status kernel_create(vlt_device *device, const vlt_kernel_source *source,
                                const vlt_kernel_macro *macro, int macro_count, vlt_kernel **out,
                                vlt_error *err)
{
    struct cuda *cuda = device->state;
    char text[VLT_KERNEL_MACROS_MAX][MACRO_BYTES], *image;
    const char *define[VLT_KERNEL_MACROS_MAX];
    size_t bytes;
    *out = NULL;
    if (macro_count > VLT_KERNEL_MACROS_MAX) {
        return vlt_fail(err, VLT_STATUS_LIMIT, "kernel '%s': %d macros, at most %d", source->entry,
                        macro_count, VLT_KERNEL_MACROS_MAX);
    }
    for (int i = 0; i < macro_count; i++) {
        vlt_utf8_format(text[i], sizeof text[i], "-D%s=%lld", macro[i].name,
                        (long long)macro[i].value);
        define[i] = text[i];
    }
    vlt_kernel *kernel = calloc(1, sizeof *kernel);
    if (!kernel) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "kernel '%s': out of memory", source->entry);
    }
    kernel->entry = source->entry;
    vlt_status status = vlt_nvrtc_compile(source->text, source->entry, cuda->capability, define,
                                          macro_count, &image, &bytes, err);
    if (status == VLT_OK) {
        status = load_image(cuda, image, kernel, err);
        free(image);
    }
    if (status != VLT_OK) {
        kernel_destroy(device, kernel);
        return status;
    }
    *out = kernel;
    return VLT_OK;
}

static vlt_status launch_async(vlt_device *device, vlt_stream *stream, const vlt_kernel *kernel,
                               const vlt_kernel_launch *launch, vlt_error *err)
{
    struct cuda *cuda = device->state;
    const unsigned *grid = launch->grid, *block = launch->block;
    vlt_kernel_launch copy = *launch; /* the driver's parameter is not const */
    void *arguments[VLT_KERNEL_ARGUMENTS_MAX];
    for (int i = 0; i < copy.argument_count; i++) {
        arguments[i] = &copy.argument[i].value;
    }
    return CUDA_CALL(cuda, err, launch, kernel->function, grid[0], grid[1], grid[2], block[0],
                     block[1], block[2], (unsigned)launch->shared_bytes, stream_of(stream),
                     arguments, NULL);
}

/* The host's clock: activity comes from CUPTI with times of its own. */
static uint64_t clock_ns(vlt_device *device)
{
    (void)device;
    return (uint64_t)vlt_now_ns();
}

static void destroy(vlt_device *device)
{
    struct cuda *cuda = device ? device->state : NULL;
    if (!cuda) {
        return;
    }
    if (cuda->context && enter(cuda, NULL) == VLT_OK) {
        cuda->driver->primary_release(cuda->ordinal);
    }
    vlt_device_release(device);
    free(cuda);
}

static const vlt_device_table table = {
    .memory_alloc = memory_alloc,
    .memory_free = memory_free,
    .pinned_alloc = pinned_alloc,
    .pinned_free = pinned_free,
    .stream_create = stream_create,
    .stream_destroy = stream_destroy,
    .stream_wait = stream_wait,
    .event_create = event_create,
    .event_destroy = event_destroy,
    .event_record = event_record,
    .event_wait = event_wait,
    .event_passed = event_passed,
    .stream_wait_event = stream_wait_event,
    .copy_to_async = copy_to_async,
    .copy_from_async = copy_from_async,
    .kernel_create = kernel_create,
    .kernel_destroy = kernel_destroy,
    .launch_async = launch_async,
    .clock_ns = clock_ns,
    .destroy = destroy,
};

static vlt_status read_facts(struct cuda *cuda, vlt_error *err)
{
    const vlt_cuda_driver *driver = cuda->driver;
    int major = 0, minor = 0;
    driver->device_name(cuda->name, sizeof cuda->name, cuda->ordinal);
    vlt_status status = vlt_cuda_check(
        driver, driver->device_attribute(&major, VLT_CU_ATTRIBUTE_CAPABILITY_MAJOR, cuda->ordinal),
        "cuDeviceGetAttribute", err);
    driver->device_attribute(&minor, VLT_CU_ATTRIBUTE_CAPABILITY_MINOR, cuda->ordinal);
    cuda->capability = major * 10 + minor;
    return status;
}

vlt_status vlt_device_cuda_create(int ordinal, vlt_device **out, vlt_error *err)
{
    const vlt_cuda_driver *driver;
    *out = NULL;
    vlt_status status = vlt_cuda_driver_open(&driver, err);
    if (status != VLT_OK) {
        return status;
    }
    struct cuda *cuda = calloc(1, sizeof *cuda);
    if (!cuda) {
        return vlt_fail(err, VLT_STATUS_NOMEM, "CUDA device: out of memory");
    }
    cuda->driver = driver;
    vlt_device_init(&cuda->device, &table, VLT_DEVICE_CUDA, cuda->name, cuda);
    status = vlt_cuda_check(driver, driver->device_get(&cuda->ordinal, ordinal), "cuDeviceGet",
                            err);
    if (status == VLT_OK) {
        status = read_facts(cuda, err);
    }
    if (status == VLT_OK) {
        status = vlt_cuda_check(driver, driver->primary_retain(&cuda->context, cuda->ordinal),
                                "cuDevicePrimaryCtxRetain", err);
    }
    if (status != VLT_OK) {
        destroy(&cuda->device);
        return status;
    }
    *out = &cuda->device;
    return VLT_OK;
}
