/* cpu_mask.c: a program as on a machine with AVX2 and nothing newer.
 *
 *   cc -O2 -D_GNU_SOURCE -shared -fPIC -o cpu_mask.so cpu_mask.c
 *   LD_PRELOAD=$PWD/cpu_mask.so PROGRAM...
 *
 * vltune has `--isa avx2`. What others dispatch by is the CPUID instruction: Intel's processors can
 * be made to fault on it (arch_prctl(ARCH_SET_CPUID), Linux 4.12; "cpuid_fault" in /proc/cpuinfo),
 * and the fault is answered here, without what came after AVX2. Threads and forks inherit it.
 * It ends with 90 where the processor cannot, so that nothing is measured unmasked. What a compiler
 * has built in (llama.cpp) needs a build of its own; string functions that libc's loader chose
 * before stay as they are.
 */
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { ARCH_SET_CPUID = 0x1012 };

static struct sigaction others;

static long may_execute_cpuid(int yes)
{
    return syscall(SYS_arch_prctl, ARCH_SET_CPUID, yes);
}

static uint32_t bits(const int *numbers)
{
    uint32_t mask = 0;
    for (; *numbers >= 0; numbers++) {
        mask |= UINT32_C(1) << *numbers;
    }
    return mask;
}

/* Intel, Software Developer's Manual, volume 2, CPUID: leaf 7. */
static void hide(uint32_t leaf, uint32_t subleaf, uint32_t registers[4])
{
    /* F, DQ, IFMA, PF, ER, CD, BW, VL */
    static const int avx512[] = {16, 17, 21, 26, 27, 28, 30, 31, -1};
    /* VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ */
    static const int avx512_more[] = {1, 6, 11, 12, 14, -1};
    /* 4VNNIW, 4FMAPS, VP2INTERSECT, AMX-BF16, FP16, AMX-TILE, AMX-INT8 */
    static const int avx512_amx[] = {2, 3, 8, 22, 23, 24, 25, -1};
    /* AVX-VNNI, AVX512-BF16, AMX-FP16, AVX-IFMA */
    static const int vnni[] = {4, 5, 21, 23, -1};
    /* AVX-VNNI-INT8, AVX-NE-CONVERT, AMX-COMPLEX, AVX-VNNI-INT16, AVX10 */
    static const int vnni_more[] = {4, 5, 8, 10, 19, -1};
    if (leaf == 7 && subleaf == 0) {
        registers[1] &= ~bits(avx512);
        registers[2] &= ~bits(avx512_more);
        registers[3] &= ~bits(avx512_amx);
    } else if (leaf == 7 && subleaf == 1) {
        registers[0] &= ~bits(vnni);
        registers[3] &= ~bits(vnni_more);
    }
}

static void answer(int number, siginfo_t *info, void *context)
{
    greg_t *at = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *code = (const unsigned char *)at[REG_RIP];
    (void)info;
    if (info->si_code != SI_KERNEL || code[0] != 0x0f || code[1] != 0xa2) {
        sigaction(number, &others, NULL); /* a fault of its own comes again, to whom it belongs */
        return;
    }
    const uint32_t leaf = (uint32_t)at[REG_RAX], subleaf = (uint32_t)at[REG_RCX];
    uint32_t r[4];
    may_execute_cpuid(1);
    __asm__ volatile("cpuid"
                     : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
                     : "a"(leaf), "c"(subleaf));
    may_execute_cpuid(0);
    hide(leaf, subleaf, r);
    at[REG_RAX] = r[0];
    at[REG_RBX] = r[1];
    at[REG_RCX] = r[2];
    at[REG_RDX] = r[3];
    at[REG_RIP] += 2;
}

__attribute__((constructor)) static void mask(void)
{
    struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO};
    static const char refused[] = "cpu_mask: this processor or system cannot fault on CPUID\n";
    if (sigaction(SIGSEGV, &action, &others) || may_execute_cpuid(0)) {
        if (write(STDERR_FILENO, refused, sizeof refused - 1) < 0) {
            _exit(91);
        }
        _exit(90);
    }
}
