#include "harness/machine/isa.h"

#include <cpuid.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* XCR0 bits: SSE and AVX state, the three AVX-512 states, the two AMX states. */
enum { XCR0_AVX = 0x6, XCR0_AVX512 = 0xE6, XCR0_AMX = 0x60000 };

static uint64_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Linux hands out the 8 KB tile state only on request (arch_prctl ARCH_REQ_XCOMP_PERM). */
static bool request_amx(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

void vlt_isa_rates(const char *vendor, int family, vlt_caps *caps)
{
    enum { FAMILY_ZEN_3_4 = 25 };
    const bool amd = !strcmp(vendor, "AuthenticAMD");
    caps->bf16_dot_doubles = amd;
    caps->avx512_halves = amd && family == FAMILY_ZEN_3_4;
}

void vlt_isa_cpu(char vendor[16], int *family)
{
    unsigned word[4], part[3] = {0};
    memset(vendor, 0, 16);
    *family = -1;
    if (__get_cpuid(0, &word[0], &part[0], &part[2], &part[1])) {
        memcpy(vendor, part, sizeof part);
    }
    if (__get_cpuid(1, &word[0], &word[1], &word[2], &word[3])) {
        const int base = (int)(word[0] >> 8 & 15);
        *family = base == 15 ? base + (int)(word[0] >> 20 & 255) : base;
    }
}

static bool has(uint32_t word, uint32_t bits)
{
    return (word & bits) == bits;
}

static const struct mask {
    const char *name, *text;
    uint32_t bits;
} masks[] = {
    {"base", "the mask 'base'", VLT_ISA_BASE},
    {"avx2", "the mask 'avx2'", VLT_ISA_AVX2},
    {"avx512", "the mask 'avx512'", VLT_ISA_AVX2 | VLT_ISA_AVX512},
    {"avx512vnni", "the mask 'avx512vnni'", VLT_ISA_AVX2 | VLT_ISA_AVX512 | VLT_ISA_AVX512_VNNI},
    {"avx512bf16", "the mask 'avx512bf16'", ~(uint32_t)VLT_ISA_AMX},
    {"amx", "the mask 'amx'", UINT32_MAX},
};

static const struct mask *find_mask(const char *name)
{
    for (size_t i = 0; name && i < sizeof masks / sizeof *masks; i++) {
        if (!strcmp(name, masks[i].name)) {
            return &masks[i];
        }
    }
    return NULL;
}

bool vlt_isa_mask(const char *name, uint32_t *bits)
{
    const struct mask *mask = find_mask(name);
    *bits = mask ? mask->bits : UINT32_MAX;
    return mask != NULL;
}

const char *vlt_isa_limit(void)
{
    const char *preload = getenv("LD_PRELOAD"); /* Valgrind puts its own libraries there */
    const struct mask *mask = find_mask(getenv("VLTUNE_ISA"));
    if (preload && strstr(preload, "vgpreload")) {
        return "callgrind (Valgrind)";
    }
    return mask ? mask->text : "";
}

const char *vlt_isa_mask_name(void)
{
    const struct mask *mask = find_mask(getenv("VLTUNE_ISA"));
    return mask ? mask->name : "";
}

/* What the CPU and the kernel grant of `allowed`. */
static uint32_t detect(uint32_t allowed)
{
    uint32_t a, b, c, d, b7, c7, d7, a71 = 0, lzcnt = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) {
        return 0;
    }
    uint64_t xcr0 = read_xcr0();
    bool fma = has(c, bit_FMA | bit_F16C | bit_POPCNT);
    if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d7)) {
        return 0;
    }
    uint32_t unused_b, unused_c, unused_d;
    __get_cpuid_count(7, 1, &a71, &unused_b, &unused_c, &unused_d);
    if (__get_cpuid(0x80000001, &a, &b, &c, &d)) {
        lzcnt = c & bit_LZCNT;
    }

    uint32_t isa = 0;
    if (fma && lzcnt && has(b7, bit_AVX2 | bit_BMI | bit_BMI2) && (xcr0 & XCR0_AVX) == XCR0_AVX) {
        isa |= VLT_ISA_AVX2;
    }
    enum { AVX_VNNI = 1 << 4 };
    if (isa && has(a71, AVX_VNNI)) {
        isa |= VLT_ISA_AVX_VNNI;
    }
    if (isa && has(b7, bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL | bit_AVX512CD) &&
        (xcr0 & XCR0_AVX512) == XCR0_AVX512) {
        isa |= VLT_ISA_AVX512;
    }
    if ((isa & VLT_ISA_AVX512) && has(c7, bit_AVX512VNNI | bit_AVX512VBMI)) {
        isa |= VLT_ISA_AVX512_VNNI;
    }
    if ((isa & VLT_ISA_AVX512) && (a71 & bit_AVX512BF16)) {
        isa |= VLT_ISA_AVX512_BF16;
    }
    enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, AMX_INT8 = 1 << 25 };
    if ((isa & VLT_ISA_AVX512_VNNI) && (isa & VLT_ISA_AVX512_BF16) &&
        has(d7, AMX_BF16 | AMX_TILE | AMX_INT8) && (xcr0 & XCR0_AMX) == XCR0_AMX &&
        (allowed & VLT_ISA_AMX) && request_amx()) {
        isa |= VLT_ISA_AMX;
    }
    return isa & allowed;
}

uint32_t vlt_isa_detect(void)
{
    uint32_t allowed;
    vlt_isa_mask(getenv("VLTUNE_ISA"), &allowed);
    return detect(allowed);
}
