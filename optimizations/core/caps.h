/* caps.h: what this machine can do, as plain data.
 *
 * harness/machine fills it once (CPUID and XCR0, hwloc, limits); the layers below only read it.
 * A test may mask bits away, so that every code path is reachable on one machine.
 */
#ifndef VLT_CORE_CAPS_H
#define VLT_CORE_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(code, bit, name as the catalogue and the command line write it). The catalogue's ISA column
 * names one of these; isa_flags.cmake holds the compiler flags of each. A level implies what the
 * x86 vendors ship with it (AVX2: also FMA, F16C, BMI2). */
#define VLT_ISA_MAP(X)                                                                         \
    X(AVX2, 0, "AVX2")               /* AVX2 FMA F16C BMI2 */                                  \
    X(AVX512, 1, "AVX512")           /* F BW DQ VL CD */                                       \
    X(AVX512_VNNI, 2, "AVX512_VNNI") /* AVX512 + VNNI VBMI */                                  \
    X(AVX512_BF16, 3, "AVX512_BF16") /* AVX512 + BF16 */                                       \
    X(AMX, 4, "AMX")                 /* TILE BF16 INT8, permission from the kernel obtained */ \
    X(AVX_VNNI, 5, "AVX_VNNI")       /* AVX2 + VNNI of 256 bits, with or without AVX512 */

enum {
#define VLT_ISA_ENUM(code, bit, name) VLT_ISA_##code = 1 << (bit),
    VLT_ISA_MAP(VLT_ISA_ENUM)
#undef VLT_ISA_ENUM
        VLT_ISA_BASE = 0
};

typedef struct vlt_caps {
    uint32_t isa;          /* VLT_ISA_* bits that CPUID and XCR0 both grant */
    bool avx512_halves;    /* an instruction of 512 bits takes two passes of 256 */
    bool bf16_dot_doubles; /* a dot product of AVX512_BF16 takes no longer than a multiply-add */
    char isa_of[32];       /* what lacks the other bits: an emulator; empty: this CPU */
    int cpu_count;         /* usable logical CPUs after cpuset and affinity; >= 1 */
    int core_count;        /* physical cores among them; >= 1 */
    size_t l1d_bytes;      /* per core; 0 where unknown */
    size_t l2_bytes;       /* per core */
    size_t l3_bytes;       /* shared; virtual machines may report absurd sizes */
    int node_count;        /* NUMA nodes with memory that this process may use; 0: unknown */
    bool large_pages;      /* the system gives large pages to who asks */
    uint64_t memory_bytes; /* what this process may use: RAM cut by every cgroup limit */
    int gpu_count;         /* CUDA devices behind a working driver; 0 is a normal state */
    char cpu_name[64];
    char gpu_name[64];    /* empty where there is none */
    char gpu_reason[128]; /* why there is none */
    char device[64];      /* that plans may use (context.h), by name; empty: none was asked for */
    char device_reason[128]; /* why there is none although one was asked for */
} vlt_caps;

#endif
