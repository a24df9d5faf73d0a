/* compiler.h: the only place where compiler extensions are named. */
#ifndef VLT_CORE_COMPILER_H
#define VLT_CORE_COMPILER_H

#define VLT_PRINTF(format_arg, first_arg) __attribute__((format(printf, format_arg, first_arg)))
#define VLT_ALIGNED(bytes)                __attribute__((aligned(bytes)))
#define VLT_NOINLINE                      __attribute__((noinline))
#define VLT_ALWAYS_INLINE                 static inline __attribute__((always_inline))
#define VLT_LIKELY(x)                     __builtin_expect(!!(x), 1)
#define VLT_UNLIKELY(x)                   __builtin_expect(!!(x), 0)

/* Floor of the binary logarithm of a positive 64-bit number. */
#define VLT_LOG2(x) (63 - __builtin_clzll(x))

/* Number of zero bits below the lowest set bit of a 64-bit x > 0. */
#define VLT_LOW_ZEROS(x) __builtin_ctzll(x)

/* The cache line at `pointer` is wanted soon. */
#define VLT_PREFETCH(pointer) __builtin_prefetch(pointer)

/* The optimiser must believe that something reads and writes all memory behind `pointer`. */
#define VLT_USED(pointer) __asm__ volatile("" : : "r"(pointer) : "memory")

/* Before a loop of a register tile: unrolls it completely, so that its arrays become registers. */
#if defined(__clang__)
#define VLT_UNROLL _Pragma("unroll")
#else
#define VLT_UNROLL _Pragma("GCC unroll 32")
#endif

/* sum[lane] += four unsigned bytes of a times four signed ones of b. GCC 12 copies the sum of the
 * intrinsic from register to register, twice for each sum, and then has too few of them. VEX: the
 * form of AVX-VNNI. */
#define VLT_DOT4(sum, a, b)     __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b))
#define VLT_DOT4_VEX(sum, a, b) __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b))

/* In a register tile: `sum` is complete before anything else is read. Else GCC 12 reads what all
 * rows multiply first and has no registers left for the sums. */
#define VLT_IN_ORDER(sum) __asm__ volatile("" : "+v"(sum) : : "memory")

/* Everything is hidden by default; VLT_API marks what libvltune.so exports. */
#define VLT_API __attribute__((visibility("default")))

#if defined(__SANITIZE_ADDRESS__)
#define VLT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VLT_ASAN 1
#endif
#endif
#ifndef VLT_ASAN
#define VLT_ASAN 0
#endif

/* Under ASan: memory that must not be touched, and memory that may be touched again. */
#if VLT_ASAN
#include <sanitizer/asan_interface.h>
#define VLT_POISON(address, size)   ASAN_POISON_MEMORY_REGION(address, size)
#define VLT_UNPOISON(address, size) ASAN_UNPOISON_MEMORY_REGION(address, size)
#else
#define VLT_POISON(address, size)   ((void)(address), (void)(size))
#define VLT_UNPOISON(address, size) ((void)(address), (void)(size))
#endif

#endif
