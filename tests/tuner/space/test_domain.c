#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/random.h"
#include "tuner/space/domain.h"
#include "tuner/space/restriction.h"

static vlt_error err;

static void add(vlt_domain *domain, const char *name, int low, int high, vlt_order order)
{
    vlt_scalar values[64];
    int count = 0;
    for (int i = low; i <= high; i++) {
        values[count++] = vlt_scalar_integer(i);
    }
    cr_assert_eq(vlt_domain_add(domain, name, values, count, order, &err), VLT_OK, "%s",
                 err.message);
}

static vlt_expression *parse(const char *text)
{
    vlt_expression *expression;
    cr_assert_eq(vlt_expression_parse(text, "it", &expression, &err), VLT_OK, "%s", err.message);
    return expression;
}

static vlt_domain *make(void)
{
    vlt_domain *domain;
    cr_assert_eq(vlt_domain_create("toy", &domain, &err), VLT_OK);
    return domain;
}

static void build(vlt_domain *domain)
{
    cr_assert_eq(vlt_domain_build(domain, &err), VLT_OK, "%s", err.message);
}

/* Every number has its own digits, the digits have the number, and constraints hold. */
Test(domain, numbers_and_digits)
{
    vlt_domain *domain = make();
    add(domain, "a", 1, 8, VLT_ORDER_AUTO);
    add(domain, "b", 1, 8, VLT_ORDER_AUTO);
    add(domain, "c", 0, 2, VLT_ORDER_UNORDERED);
    add(domain, "d", 0, 4, VLT_ORDER_AUTO);
    cr_assert_eq(vlt_domain_add_constraint(domain, parse("a * b <= 16"), &err), VLT_OK);
    cr_assert_eq(vlt_domain_add_constraint(domain, parse("c < 2 or d == 0"), &err), VLT_OK);
    build(domain);
    int pairs = 0;
    for (int a = 1; a <= 8; a++) {
        for (int b = 1; b <= 8; b++) {
            pairs += a * b <= 16;
        }
    }
    cr_assert_eq(vlt_domain_count(domain), (uint64_t)pairs * (2 * 5 + 1));
    for (uint64_t i = 0; i < vlt_domain_count(domain); i++) {
        uint16_t digits[VLT_DOMAIN_PARAMETER_MAX];
        vlt_domain_digits(domain, i, digits);
        cr_assert_leq((digits[0] + 1) * (digits[1] + 1), 16);
        cr_assert_eq(vlt_domain_find(domain, digits), i);
    }
    const uint16_t outside[] = {7, 7, 0, 0}, beyond[] = {9, 0, 0, 0};
    cr_assert_eq(vlt_domain_find(domain, outside), VLT_SETTING_NONE);
    cr_assert_eq(vlt_domain_find(domain, beyond), VLT_SETTING_NONE);
    vlt_domain_destroy(domain);
}

/* Counts stay exact far beyond memory, where nothing joins the parameters. */
Test(domain, counts_beyond_memory)
{
    vlt_domain *domain = make();
    uint64_t wanted = 1;
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        add(domain, name, 0, 59, VLT_ORDER_AUTO);
        wanted *= i == 1 ? 1 : 60;
    }
    cr_assert_eq(vlt_domain_add_constraint(domain, parse("p0 == p1"), &err), VLT_OK);
    build(domain);
    cr_assert_eq(vlt_domain_count(domain), wanted);
    vlt_random random = {3};
    for (int i = 0; i < 1000; i++) {
        uint64_t setting = (uint64_t)vlt_random_range(&random, 0, (int64_t)wanted - 1);
        uint16_t digits[VLT_DOMAIN_PARAMETER_MAX];
        vlt_domain_digits(domain, setting, digits);
        cr_assert_eq(digits[0], digits[1]);
        cr_assert_eq(vlt_domain_find(domain, digits), setting);
    }
    vlt_domain_destroy(domain);
}

static int differences(const vlt_domain *domain, uint64_t x, uint64_t y, int *parameter)
{
    uint16_t a[VLT_DOMAIN_PARAMETER_MAX], b[VLT_DOMAIN_PARAMETER_MAX];
    int count = 0;
    vlt_domain_digits(domain, x, a);
    vlt_domain_digits(domain, y, b);
    for (int i = 0; i < vlt_domain_parameter_count(domain); i++) {
        if (a[i] != b[i]) {
            count++;
            *parameter = i;
        }
    }
    return count;
}

/* Neighbours: one parameter, symmetric for "any", over holes of the constraints for "step". */
Test(domain, neighbours)
{
    vlt_domain *domain = make();
    add(domain, "a", 1, 16, VLT_ORDER_AUTO);
    add(domain, "u", 0, 3, VLT_ORDER_UNORDERED);
    cr_assert_eq(vlt_domain_add_constraint(domain, parse("a % 4 == 0 or a == 1"), &err), VLT_OK);
    build(domain);
    cr_assert_eq(vlt_domain_count(domain), 5 * 4);
    uint64_t *near = malloc(((size_t)vlt_domain_near_max(domain) + 1) * sizeof *near);
    for (uint64_t i = 0; i < vlt_domain_count(domain); i++) {
        int count = vlt_domain_near(domain, i, VLT_REACH_ANY, near), parameter;
        cr_assert_eq(count, 4 + 3);
        for (int n = 0; n < count; n++) {
            cr_assert_eq(differences(domain, i, near[n], &parameter), 1);
        }
        uint16_t digits[VLT_DOMAIN_PARAMETER_MAX];
        vlt_domain_digits(domain, i, digits);
        count = vlt_domain_near(domain, i, VLT_REACH_STEP, near);
        bool at_end = digits[0] == 0 || digits[0] == 15;
        cr_assert_eq(count, (at_end ? 1 : 2) + 3, "%d", count);
    }
    free(near);
    vlt_domain_destroy(domain);
}

/* What is not active has one value, and becomes active with its usual one. */
Test(domain, conditions)
{
    vlt_domain *domain = make();
    add(domain, "variant", 0, 1, VLT_ORDER_UNORDERED);
    add(domain, "tile", 1, 8, VLT_ORDER_AUTO);
    const vlt_scalar four = vlt_scalar_integer(4), zero = vlt_scalar_integer(0);
    cr_assert_eq(vlt_domain_add_condition(domain, "tile", parse("variant == 1"), &err), VLT_OK);
    cr_assert_eq(vlt_domain_set_usual(domain, "tile", &four, &err), VLT_OK);
    cr_assert_eq(vlt_domain_set_usual(domain, "tile", &zero, &err), VLT_STATUS_INPUT);
    build(domain);
    cr_assert_eq(vlt_domain_count(domain), 1 + 8);
    const uint16_t off[] = {0, 0}, on[] = {1, 3};
    uint64_t near[16];
    int count = vlt_domain_near(domain, vlt_domain_find(domain, off), VLT_REACH_STEP, near);
    cr_assert_eq(count, 1);
    cr_assert_eq(near[0], vlt_domain_find(domain, on));
    count = vlt_domain_near(domain, near[0], VLT_REACH_STEP, near);
    cr_assert_eq(count, 3); /* off, 3, 5 */
    vlt_domain_destroy(domain);
}

static void fails(vlt_domain *domain, vlt_status status, const char *with, const char *also)
{
    err = (vlt_error){0};
    cr_expect_eq(vlt_domain_build(domain, &err), status);
    cr_expect(strstr(err.message, with) && strstr(err.message, also), "%s", err.message);
    vlt_domain_destroy(domain);
}

Test(domain, bad_spaces)
{
    const vlt_scalar twice[] = {vlt_scalar_integer(1), vlt_scalar_real(1)};
    vlt_domain *domain = make();
    add(domain, "a", 0, 5, VLT_ORDER_AUTO);
    cr_expect_eq(vlt_domain_add(domain, "a", twice, 1, VLT_ORDER_AUTO, &err), VLT_STATUS_INPUT);
    cr_expect(strstr(err.message, "'a'") && strstr(err.message, "twice"));
    cr_expect_eq(vlt_domain_add(domain, "b", twice, 2, VLT_ORDER_AUTO, &err), VLT_STATUS_INPUT);
    cr_expect_eq(vlt_domain_add(domain, "b", twice, 0, VLT_ORDER_AUTO, &err), VLT_STATUS_INPUT);
    cr_expect_eq(vlt_domain_add_constraint(domain, parse("a > 1 and tyle < 3"), &err),
                 VLT_STATUS_INPUT);
    cr_expect(strstr(err.message, "column 11") && strstr(err.message, "'tyle'"), "%s", err.message);
    cr_assert_eq(vlt_domain_add_constraint(domain, parse("10 / a > 1"), &err), VLT_OK);
    fails(domain, VLT_STATUS_INPUT, "division by zero", "a=0");

    domain = make();
    add(domain, "a", 0, 5, VLT_ORDER_AUTO);
    cr_assert_eq(vlt_domain_add_constraint(domain, parse("a > 9"), &err), VLT_OK);
    fails(domain, VLT_STATUS_INPUT, "leave", "no setting");
}

/* One text for several domains: parts apply where all their names are. */
Test(restriction, parts_go_where_they_apply)
{
    vlt_restriction *where;
    vlt_domain *a = make(), *b = make();
    add(a, "threads", 1, 4, VLT_ORDER_AUTO);
    add(a, "tile", 1, 32, VLT_ORDER_AUTO);
    add(b, "threads", 1, 4, VLT_ORDER_AUTO);
    cr_assert_eq(vlt_restriction_parse("threads <= 2 && tile >= 16", "--where", &where, &err),
                 VLT_OK);
    cr_assert_eq(vlt_restriction_apply(where, b, &err), VLT_OK);
    cr_expect_eq(vlt_restriction_check(where, &err), VLT_STATUS_INPUT);
    cr_expect(strstr(err.message, "'tile'") && strstr(err.message, "--where: column 17"), "%s",
              err.message);
    cr_assert_eq(vlt_restriction_apply(where, a, &err), VLT_OK);
    cr_expect_eq(vlt_restriction_check(where, &err), VLT_OK);
    build(a);
    build(b);
    cr_expect_eq(vlt_domain_count(a), 2 * 17);
    cr_expect_eq(vlt_domain_count(b), 2);
    vlt_domain_destroy(a);
    vlt_domain_destroy(b);
    vlt_restriction_destroy(where);
}
