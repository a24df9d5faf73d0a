/* random.h: a small seeded generator for inputs, coin flips and sampling.
 *
 * SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): state += 0x9E3779B97F4A7C15, then the murmur-like
 * finaliser. The stream is part of the interface: equal seeds give equal numbers on every machine.
 */
#ifndef VLT_CORE_RANDOM_H
#define VLT_CORE_RANDOM_H

#include <stdint.h>

typedef struct vlt_random {
    uint64_t state;
} vlt_random;

static inline uint64_t vlt_random_next(vlt_random *random)
{
    uint64_t z = (random->state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Uniform in [0, 1) with 53 bits. */
static inline double vlt_random_unit(vlt_random *random)
{
    return (double)(vlt_random_next(random) >> 11) * 0x1p-53;
}

/* Uniform in [low, high], both included; high - low < 2^32. */
static inline int64_t vlt_random_range(vlt_random *random, int64_t low, int64_t high)
{
    uint64_t span = (uint64_t)(high - low) + 1;
    return low + (int64_t)(((vlt_random_next(random) >> 32) * span) >> 32);
}

/* Uniform in [-1, 1), for activations and weights. */
static inline float vlt_random_signed(vlt_random *random)
{
    return (float)(vlt_random_unit(random) * 2.0 - 1.0);
}

#endif
