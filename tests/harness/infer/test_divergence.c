/* KL divergence of two rows of logits. */
#include <criterion/criterion.h>
#include <math.h>

#include "harness/infer/divergence.h"

Test(divergence, equal_distributions_have_none)
{
    const float p[] = {1, 2, 3}, shifted[] = {-99, -98, -97};
    cr_expect_float_eq(vlt_kl_divergence(p, p, 3), 0, 1e-12);
    cr_expect_float_eq(vlt_kl_divergence(p, shifted, 3), 0, 1e-12);
}

/* p = (3/4, 1/4), q = (1/2, 1/2): 3/4 ln(3/2) + 1/4 ln(1/2), and the other way round. */
Test(divergence, equals_the_formula)
{
    const float p[] = {logf(3), 0}, q[] = {5, 5};
    double forth = 0.75 * log(1.5) + 0.25 * log(0.5), back = 0.5 * log(2.0 / 3) + 0.5 * log(2);
    cr_expect_float_eq(vlt_kl_divergence(p, q, 2), forth, 1e-7);
    cr_expect_float_eq(vlt_kl_divergence(q, p, 2), back, 1e-7);
}

/* What the first never says counts nothing; what the second never says is beyond all measure. */
Test(divergence, impossible_tokens)
{
    const float p[] = {0, -INFINITY}, q[] = {0, 0};
    cr_expect_float_eq(vlt_kl_divergence(p, q, 2), log(2), 1e-7);
    cr_expect(isinf(vlt_kl_divergence(q, p, 2)));
}
