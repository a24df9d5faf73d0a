/* Masks of instruction sets: less than the machine has, everywhere, and never more. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json.h"
#include "harness/machine/isa.h"
#include "harness/machine/machine.h"
#include "harness/machine/quick_caps.h"
#include "optimizations/core/caps.h"
#include "tests/support/data.h"
#include "tests/support/run_program.h"

static const char *const names[] = {"base", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx"};

static uint32_t under(const char *mask)
{
    if (mask) {
        setenv("VLTUNE_ISA", mask, 1);
    } else {
        unsetenv("VLTUNE_ISA");
    }
    return vlt_isa_detect();
}

Test(isa, a_mask_takes_away_and_never_adds)
{
    uint32_t all = under(NULL), before = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        uint32_t isa = under(names[i]), bits;
        cr_expect(vlt_isa_mask(names[i], &bits));
        cr_expect_eq(isa, all & bits, "%s", names[i]);
        cr_expect_eq(before & ~isa, 0, "%s has less than the one before", names[i]);
        before = isa;
    }
    cr_expect_eq(under("base"), 0);
    cr_expect_eq(before, all);
    cr_expect_eq(under("sse9"), all, "an unknown name is no mask");
    cr_expect_eq(under(""), all);
}

Test(isa, says_what_stands_between)
{
    vlt_caps caps;
    int threads;
    under("base");
    vlt_quick_caps(&caps, &threads);
    cr_expect_str_eq(caps.isa_of, "the mask 'base'");
    under(NULL);
    vlt_quick_caps(&caps, &threads);
    cr_expect_str_eq(caps.isa_of, "");
}

/* What the short look and the long one find is the same. */
Test(isa, rates_are_told_by_vendor_and_family)
{
    static const struct {
        const char *vendor;
        int family;
        bool doubles, halves;
    } cases[] = {{"AuthenticAMD", 25, true, true},
                 {"AuthenticAMD", 26, true, false},
                 {"GenuineIntel", 6, false, false},
                 {"", -1, false, false}};
    vlt_caps caps;
    int threads, family;
    char vendor[16];
    vlt_machine *machine;
    vlt_isa_cpu(vendor, &family);
    vlt_quick_caps(&caps, &threads);
    cr_assert_eq(vlt_machine_probe(NULL, &machine, NULL), VLT_OK);
    cr_expect_str_eq(vendor, machine->cpu_vendor);
    cr_expect_eq(family, machine->cpu_family);
    cr_expect_eq(caps.bf16_dot_doubles, machine->caps.bf16_dot_doubles);
    cr_expect_eq(caps.avx512_halves, machine->caps.avx512_halves);
    vlt_machine_destroy(machine);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vlt_isa_rates(cases[i].vendor, cases[i].family, &caps);
        cr_expect_eq(caps.bf16_dot_doubles, cases[i].doubles, "%zu", i);
        cr_expect_eq(caps.avx512_halves, cases[i].halves, "%zu", i);
    }
}

static json_t *answer_of(const char *arguments)
{
    json_t *document = NULL;
    test_output output = test_program(arguments);
    cr_assert_eq(output.exit_code, 0, "%s: %s", arguments, output.err);
    cr_assert_eq(vlt_json_parse(output.out, strlen(output.out), arguments, &document, NULL),
                 VLT_OK);
    test_output_release(&output);
    return document;
}

Test(isa, the_option_masks_every_command, .timeout = 120)
{
    size_t o, v;
    json_t *op, *variant, *list = answer_of("list --isa base --json");
    unsetenv("VLTUNE_ISA");
    json_array_foreach(list, o, op)
    {
        json_array_foreach(json_object_get(op, "variants"), v, variant)
        {
            const char *needs = json_string_value(json_object_get(variant, "needs"));
            bool applicable = json_is_true(json_object_get(variant, "applicable"));
            cr_expect(!needs || !strstr(needs, "AVX") || !applicable, "%s of %s",
                      json_string_value(json_object_get(variant, "name")),
                      json_string_value(json_object_get(op, "op")));
        }
    }
    json_decref(list);
    if (!vlt_isa_detect()) {
        return;
    }
    json_t *whole = answer_of("probe --json"), *masked = answer_of("probe --json --isa base");
    const json_t *key[] = {json_object_get(whole, "fingerprint"),
                           json_object_get(masked, "fingerprint")};
    cr_assert(key[0] && key[1]);
    cr_expect_not(json_equal(json_object_get(key[0], "hard"), json_object_get(key[1], "hard")),
                  "a masked machine has a key of its own");
    json_decref(whole);
    json_decref(masked);
    test_output measured = test_program("compare linear/baseline@m=1,n=8,k=8 "
                                        "linear/avx2@m=1,n=8,k=8 --isa base --budget 1s");
    cr_expect_eq(measured.exit_code, 2, "%s", measured.out);
    cr_expect(strstr(measured.err, "the mask 'base' has no AVX2"), "%s", measured.err);
    test_output_release(&measured);
    test_output output = test_program("probe --isa sse9");
    cr_expect_eq(output.exit_code, 2);
    cr_expect(strstr(output.err, "expected base, avx2"), "%s", output.err);
    test_output_release(&output);
}

static void expect_applicable_alike(const json_t *a, const json_t *b)
{
    size_t o, v;
    json_t *op, *variant;
    cr_assert_eq(json_array_size(a), json_array_size(b));
    json_array_foreach(a, o, op)
    {
        const json_t *others = json_object_get(json_array_get(b, o), "variants");
        json_array_foreach(json_object_get(op, "variants"), v, variant)
        {
            const json_t *other = json_array_get(others, v);
            cr_expect_eq(json_is_true(json_object_get(variant, "applicable")),
                         json_is_true(json_object_get(other, "applicable")), "%s of %s",
                         json_string_value(json_object_get(variant, "name")),
                         json_string_value(json_object_get(op, "op")));
        }
    }
}

/* What a mask shows of the machine, and what a machine without the rest shows of itself: every
 * program is told by CPUID that it has AVX2 and nothing newer. */
Test(isa, a_mask_is_as_a_machine_without_the_rest, .timeout = 120)
{
    const char *hides = getenv("VLT_CPU_MASK");
    unsetenv("VLTUNE_ISA");
    json_t *masked[] = {answer_of("probe --json --isa avx2"), answer_of("list --json --isa avx2")};
    setenv("LD_PRELOAD", hides ? hides : "", 1);
    test_output probed = test_program("probe --json");
    if (!hides || probed.exit_code == 90) {
        test_skip(hides ? "this processor cannot fault on CPUID"
                        : "no mask of CPUID in this build");
    } else {
        json_t *real = answer_of("probe --json"), *listed = answer_of("list --json");
        cr_expect(json_equal(json_object_get(real, "fingerprint"),
                             json_object_get(masked[0], "fingerprint")),
                  "%s", probed.out);
        cr_expect(json_equal(json_object_get(real, "isa"), json_object_get(masked[0], "isa")));
        expect_applicable_alike(listed, masked[1]);
        json_decref(real);
        json_decref(listed);
    }
    unsetenv("LD_PRELOAD");
    test_output_release(&probed);
    json_decref(masked[0]);
    json_decref(masked[1]);
}
