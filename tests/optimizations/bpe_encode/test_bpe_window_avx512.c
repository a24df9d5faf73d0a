/* test_bpe_window.c for the windows of AVX-512; this file is compiled for it. */
#include "harness/machine/isa.h"
#include "optimizations/core/caps.h"
#include "tests/optimizations/bpe_encode/window_checks.h"

static bool isa_missing(void)
{
    const bool missing = !(vlt_isa_detect() & VLT_ISA_AVX512);
    if (missing) {
        cr_skip("SKIP: the windows need a CPU with AVX512\n");
    }
    return missing;
}

Test(bpe_window_avx512, words_are_those_of_the_scanner, .timeout = 120)
{
    if (!isa_missing()) {
        check_random_texts();
        check_code_points();
        check_reach(true);
    }
}

Test(bpe_window_avx512, normal_form_is_that_of_the_characters, .timeout = 120)
{
    if (!isa_missing()) {
        check_normal_form();
    }
}
