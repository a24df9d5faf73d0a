/* dtype.h: element types and the conversions between them. */
#ifndef VLT_CORE_DTYPE_H
#define VLT_CORE_DTYPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* X(code, bytes, name as safetensors writes it) */
#define VLT_DTYPE_MAP(X) \
    X(U8, 1, "U8")       \
    X(BF16, 2, "BF16")   \
    X(F16, 2, "F16")     \
    X(F32, 4, "F32")     \
    X(I32, 4, "I32")     \
    X(I64, 8, "I64")

typedef enum vlt_dtype {
#define VLT_DTYPE_ENUM(code, bytes, name) VLT_DTYPE_##code,
    VLT_DTYPE_MAP(VLT_DTYPE_ENUM)
#undef VLT_DTYPE_ENUM
        VLT_DTYPE_COUNT
} vlt_dtype;

static inline size_t vlt_dtype_bytes(vlt_dtype dtype)
{
    static const size_t bytes_of[] = {
#define VLT_DTYPE_BYTES(code, bytes, name) bytes,
        VLT_DTYPE_MAP(VLT_DTYPE_BYTES)
#undef VLT_DTYPE_BYTES
    };
    return (unsigned)dtype < VLT_DTYPE_COUNT ? bytes_of[dtype] : 0;
}

static inline const char *vlt_dtype_name(vlt_dtype dtype)
{
    static const char *const name_of[] = {
#define VLT_DTYPE_NAME(code, bytes, name) name,
        VLT_DTYPE_MAP(VLT_DTYPE_NAME)
#undef VLT_DTYPE_NAME
    };
    return (unsigned)dtype < VLT_DTYPE_COUNT ? name_of[dtype] : "?";
}

static inline float vlt_f32_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t vlt_bits_from_f32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float vlt_f32_from_bf16(uint16_t bits)
{
    return vlt_f32_from_bits((uint32_t)bits << 16);
}

/* Round to nearest, ties to even; a NaN stays a NaN. */
static inline uint16_t vlt_bf16_from_f32(float value)
{
    uint32_t bits = vlt_bits_from_f32(value);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) {
        return (uint16_t)((bits >> 16) | 0x40u);
    }
    return (uint16_t)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

/* IEEE 754 binary16, subnormals, infinities and NaN included. */
static inline float vlt_f32_from_f16(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 0x1Fu;
    uint32_t fraction = half & 0x3FFu;
    if (exponent == 0x1F) {
        return vlt_f32_from_bits(sign | 0x7F800000u | (fraction << 13));
    }
    if (exponent) {
        return vlt_f32_from_bits(sign | ((exponent + 112u) << 23) | (fraction << 13));
    }
    float magnitude = (float)fraction * (1.0f / 16777216.0f);
    return sign ? -magnitude : magnitude;
}

/* Round to nearest, ties to even; too large becomes infinity, a NaN stays a NaN. */
static inline uint16_t vlt_f16_from_f32(float value)
{
    uint32_t bits = vlt_bits_from_f32(value);
    uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u) {
        return (uint16_t)(sign | 0x7E00u);
    }
    if (magnitude >= 0x477FF000u) { /* 65520 and above */
        return (uint16_t)(sign | 0x7C00u);
    }
    if (magnitude < 0x38800000u) { /* subnormal: adding 0.5 aligns the last place and rounds */
        float aligned = vlt_f32_from_bits(magnitude) + 0.5f;
        return (uint16_t)(sign | (vlt_bits_from_f32(aligned) - 0x3F000000u));
    }
    uint32_t rounded = magnitude + 0xFFFu + ((magnitude >> 13) & 1u);
    return (uint16_t)(sign | ((rounded - 0x38000000u) >> 13));
}

static inline uint16_t vlt_u16_at(const void *src, size_t index)
{
    uint16_t value;
    memcpy(&value, (const unsigned char *)src + index * sizeof value, sizeof value);
    return value;
}

/* dst[count] = src[count] of BF16, F16 or F32 as f32. src may stand at any address. */
static inline void vlt_f32_from(vlt_dtype dtype, const void *src, size_t count, float *dst)
{
    switch (dtype) {
    case VLT_DTYPE_BF16:
        for (size_t i = 0; i < count; i++) {
            dst[i] = vlt_f32_from_bf16(vlt_u16_at(src, i));
        }
        break;
    case VLT_DTYPE_F16:
        for (size_t i = 0; i < count; i++) {
            dst[i] = vlt_f32_from_f16(vlt_u16_at(src, i));
        }
        break;
    default:
        memcpy(dst, src, count * sizeof *dst);
        break;
    }
}

#endif
