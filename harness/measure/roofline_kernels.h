/* roofline_kernels.h: loops that do nothing but keep one unit of the CPU busy.
 *
 * Every kernel returns something that depends on all of its work, so that the compiler keeps it.
 * Files are compiled for the ISA in their name; call them only where that ISA is usable.
 */
#ifndef VLT_HARNESS_ROOFLINE_KERNELS_H
#define VLT_HARNESS_ROOFLINE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Multiply-adds of `rounds` rounds; *ops is what they are worth (2 each). */
typedef double vlt_peak_kernel(int64_t rounds, double *ops);

vlt_peak_kernel vlt_peak_f32_base;
vlt_peak_kernel vlt_peak_f32_avx2;
vlt_peak_kernel vlt_peak_int8_avx2;
vlt_peak_kernel vlt_peak_f32_avx512;
vlt_peak_kernel vlt_peak_int8_avx512_vnni;
vlt_peak_kernel vlt_peak_bf16_avx512_bf16;
vlt_peak_kernel vlt_peak_bf16_amx;
vlt_peak_kernel vlt_peak_int8_amx;

/* Reads data[bytes] once, bytes a multiple of 4096, from front to back. */
typedef uint64_t vlt_read_kernel(const void *data, size_t bytes);

vlt_read_kernel vlt_read_base;
vlt_read_kernel vlt_read_avx2;
vlt_read_kernel vlt_read_avx512;

/* In eight streams side by side, lines fetched ahead: what many memories need. */
enum { VLT_READ_STREAMS = 8, VLT_READ_AHEAD_BYTES = 768 };
vlt_read_kernel vlt_read_streams_avx2;
vlt_read_kernel vlt_read_streams_avx512;

#endif
