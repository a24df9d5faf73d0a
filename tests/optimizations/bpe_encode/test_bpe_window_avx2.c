/* test_bpe_window.c for the windows of AVX2; this file is compiled for it. */
#include "harness/machine/isa.h"
#include "optimizations/core/caps.h"
#include "tests/optimizations/bpe_encode/window_checks.h"

static bool isa_missing(void)
{
    const bool missing = !(vlt_isa_detect() & VLT_ISA_AVX2);
    if (missing) {
        cr_skip("SKIP: the windows need a CPU with AVX2\n");
    }
    return missing;
}

Test(bpe_window_avx2, words_are_those_of_the_scanner, .timeout = 120)
{
    if (!isa_missing()) {
        check_random_texts();
        check_code_points();
        check_reach(false);
    }
}
