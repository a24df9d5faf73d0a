/* Seeds: what is read from packs, configs and databases, and what becomes of it in a search. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/tuned.h"
#include "harness/json/json.h"
#include "tests/support/folder.h"
#include "tuner/pack/seeds.h"

static vlt_error err;

#define SEED(bucket, variant, knobs, cost)                                     \
    "[[seed]]\nop = \"resize\"\nbucket = \"" bucket "\"\nvariant = \"" variant \
    "\"\nknobs = \"" knobs "\"\ncost = " cost "\n"

static vlt_problem problem(void)
{
    vlt_problem problem = {.op = vlt_registry_find_op("resize")};
    cr_assert_eq(vlt_problem_parse(&problem, "src_h=480,src_w=640,dst_h=416,dst_w=576", &err),
                 VLT_OK, "%s", err.message);
    return problem;
}

static vlt_knob_domain *make_domain(const vlt_problem *problem)
{
    static const vlt_caps caps = {.cpu_count = 2};
    vlt_space space = {.problem = *problem, .caps = &caps};
    for (int i = 0; i < vlt_registry_variant_count(problem->op); i++) {
        space.variant[space.variant_count++] = vlt_registry_variant(problem->op, i);
    }
    vlt_knob_domain *domain;
    cr_assert_eq(vlt_knob_domain_create(&space, "resize", NULL, &domain, &err), VLT_OK, "%s",
                 err.message);
    return domain;
}

static void parse(const char *text, vlt_seeds *seeds)
{
    cr_assert_eq(vlt_seeds_parse(text, strlen(text), "pack.toml", seeds, &err), VLT_OK, "%s",
                 err.message);
}

/* What is written reads back; equal content gives equal bytes; the best of a bucket stay. */
Test(seeds, packs)
{
    vlt_seeds seeds, again;
    char *text, *second;
    size_t bytes, second_bytes;
    parse("schema = 1\nmachine = \"m\"\n" SEED("b", "avx2", "strip=16", "0.5")
              SEED("b", "avx2", "strip=8", "0") SEED("a", "baseline", "", "0.25")
                  SEED("b", "avx2", "strip=32", "0.125"),
          &seeds);
    cr_expect_eq(seeds.count, 4);
    cr_expect_str_eq(seeds.source, "m");
    cr_assert_eq(vlt_seeds_format(&seeds, 2, &text, &bytes, &err), VLT_OK);
    cr_assert_eq(vlt_seeds_parse(text, bytes, "again", &again, &err), VLT_OK, "%s", err.message);
    cr_expect_eq(again.count, 3);
    cr_expect_str_eq(again.seed[1].knobs, "strip=8");
    cr_expect_str_eq(again.seed[2].knobs, "strip=32");
    cr_expect_eq(again.seed[2].cost, 0.125);
    cr_assert_eq(vlt_seeds_format(&again, 2, &second, &second_bytes, &err), VLT_OK);
    cr_expect_str_eq(text, second);
    free(text);
    free(second);
    vlt_seeds_release(&seeds);
    vlt_seeds_release(&again);
}

Test(seeds, bad_packs)
{
    static const char *const table[][2] = {
        {"schema = 2\nseed = []\n", "line 1: 'schema' is not 1"},
        {"seed = []\n", "'schema'"},
        {"schema = 1\n", "'seed' is no array"},
        {"schema = 1\n[[seed]]\nbucket = \"b\"\nvariant = \"v\"\n", "line 2: a seed without 'op'"},
        {"schema = 1\n[[seed]]\nop = \"o\"\nvariant = \"v\"\n", "without 'bucket'"},
        {"schema = 1\n[[seed]]\nop = \"o\"\nbucket = \"b\"\nvariant = 1\n", "without 'variant'"},
        {"schema = 1\n" SEED("b", "v", "", "-1"), "line 7: 'cost'"},
        {"schema = 1\n" SEED("b", "v", "", "nan"), "'cost'"},
        {"schema = 1\n" SEED("b", "v", "", "\"x\""), "'cost'"},
        {"schema = 1\nseed = [1]\n", "'seed' is no array of tables"},
        {"schema = 1\nmachine = 3\nseed = []\n", "'machine'"},
        {"schema = 1\n[[seed]\n", "line 2, column"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        vlt_seeds seeds;
        err = (vlt_error){0};
        cr_expect_eq(vlt_seeds_parse(table[i][0], strlen(table[i][0]), "pack.toml", &seeds, &err),
                     VLT_STATUS_INPUT, "%s", table[i][0]);
        cr_expect(strstr(err.message, "pack.toml: ") && strstr(err.message, table[i][1]), "%s: %s",
                  table[i][0], err.message);
        cr_expect_null(seeds.seed);
    }
}

/* The problem's bucket goes first, then the nearest; what is not here is passed over. */
Test(seeds, lists)
{
    const vlt_problem wanted = problem();
    vlt_knob_domain *domain = make_domain(&wanted);
    char bucket[VLT_BUCKET_BYTES], text[4096];
    vlt_seeds seeds;
    vlt_seed_list list;
    vlt_setting setting;
    vlt_problem_bucket(&wanted, bucket, sizeof bucket);
    snprintf(
        text, sizeof text,
        "schema = 1\n[[seed]]\nop = \"resize\"\nbucket = \"%s\"\nvariant = \"avx2\"\nknobs = "
        "\"strip=16\"\ncost = 0.3\n[[seed]]\nop = \"resize\"\nbucket = \"%s\"\nvariant = "
        "\"avx2\"\nknobs = \"strip=64\"\ncost = 0.1\n[[seed]]\nop = \"resize\"\nbucket = "
        "\"%s\"\nvariant = \"warp\"\n[[seed]]\nop = \"resize\"\nbucket = \"%s\"\nvariant = "
        "\"avx2\"\nknobs = \"strip=17\"\n[[seed]]\nop = \"nosuch\"\nbucket = \"%s\"\nvariant = "
        "\"avx2\"\n[[seed]]\nop = \"resize\"\nbucket = \"*\"\nvariant = \"baseline\"\n",
        bucket, bucket, bucket, bucket, bucket);
    parse(text, &seeds);
    cr_expect_eq(seeds.count, 6);
    cr_assert_eq(vlt_seeds_list(&seeds, &wanted, domain, &list, &err), VLT_OK);
    cr_assert_eq(list.foreign.count, 2);
    cr_expect_eq(list.foreign.cost[0], 0);
    cr_expect_float_eq(list.foreign.cost[1], 0.2, 1e-12);
    vlt_knob_domain_setting(domain, list.foreign.setting[0], &setting);
    cr_expect_eq(vlt_binding_value(setting.variant, &setting.binding, "strip"), 64);
    vlt_seed_list_release(&list);

    vlt_problem other = wanted;
    cr_assert_eq(vlt_problem_parse(&other, "src_h=2000,src_w=3000", &err), VLT_OK);
    cr_assert_eq(vlt_seeds_list(&seeds, &other, domain, &list, &err), VLT_OK);
    cr_expect_eq(list.foreign.count, 2); /* the nearest bucket */
    vlt_seed_list_release(&list);
    vlt_seeds_release(&seeds);
    vlt_knob_domain_destroy(domain);
}

/* A tuned config of another machine is read as it is. */
Test(seeds, configs, .init = test_folder_make, .fini = test_folder_remove)
{
    vlt_tuned_config config = {.model_name = "demo"};
    vlt_tuned_decision decision = {.op = "resize",
                                   .bucket = "*",
                                   .variant = "avx2",
                                   .knobs = "strip=64",
                                   .baseline_ns = 10,
                                   .speedup = 2,
                                   .speedup_low = 1.9,
                                   .speedup_high = 2.1};
    vlt_seeds seeds;
    vlt_tuned_parts_add(&config.key.hard, "cpu", "Another CPU");
    cr_assert_eq(vlt_tuned_config_set(&config, &decision, &err), VLT_OK);
    cr_assert_eq(vlt_tuned_write(&config, test_folder_path("other.toml"), &err), VLT_OK, "%s",
                 err.message);
    cr_assert_eq(vlt_seeds_read(test_folder_path("other.toml"), &seeds, &err), VLT_OK, "%s",
                 err.message);
    cr_expect_eq(seeds.count, 1);
    cr_expect_str_eq(seeds.source, "Another CPU");
    cr_expect_str_eq(seeds.seed[0].knobs, "strip=64");
    vlt_seeds_release(&seeds);
    vlt_tuned_config_release(&config);
    cr_assert_eq(vlt_write_file(test_folder_path("cut.toml"), "schema = 1\n[[deci", 17, &err),
                 VLT_OK);
    cr_expect_eq(vlt_seeds_read(test_folder_path("cut.toml"), &seeds, &err), VLT_STATUS_INPUT);
    cr_expect(strstr(err.message, "cut.toml"));
    cr_expect_neq(vlt_seeds_read(test_folder_path("none.toml"), &seeds, &err), VLT_OK);
}

/* The packs of the program are sound: every text is a pack, with seeds. */
Test(seeds, the_packs_of_the_program)
{
    for (int i = 0; vlt_seeds_pack_text(i); i++) {
        const char *text = vlt_seeds_pack_text(i);
        vlt_seeds seeds;
        parse(text, &seeds);
        cr_expect_gt(seeds.count, 0);
        cr_expect(seeds.source[0]);
        for (int k = 0; k < seeds.count; k++) {
            const vlt_op *op = vlt_registry_find_op(seeds.seed[k].op);
            vlt_bucket bucket;
            cr_expect(op && vlt_bucket_parse(op, seeds.seed[k].bucket, &bucket, &err) == VLT_OK,
                      "%s %s", seeds.seed[k].op, seeds.seed[k].bucket);
        }
        vlt_seeds_release(&seeds);
    }
}
