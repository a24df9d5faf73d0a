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
#include "tuner/search.h"

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

static vlt_space make_space(const vlt_problem *problem)
{
    static const vlt_caps caps = {.cpu_count = 2};
    vlt_space space = {.problem = *problem, .caps = &caps};
    for (int i = 0; i < vlt_registry_variant_count(problem->op); i++) {
        space.variant[space.variant_count++] = vlt_registry_variant(problem->op, i);
    }
    return space;
}

static vlt_knob_domain *make_domain(const vlt_problem *problem)
{
    const vlt_space space = make_space(problem);
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

/* What is written reads back; equal content gives equal bytes; the best of a bucket stay, without
 * those that are far from its best. */
Test(seeds, packs)
{
    vlt_seeds seeds, again;
    char *text, *second;
    size_t bytes, second_bytes;
    parse("schema = 1\nmachine = \"m\"\n" SEED("b", "avx2", "strip=16", "0.5")
              SEED("b", "avx2", "strip=8", "0") SEED("a", "baseline", "", "0.25")
                  SEED("b", "avx2", "strip=32", "0.125") SEED("a", "avx2", "", "0.5"),
          &seeds);
    cr_expect_eq(seeds.count, 5);
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

/* Costs that differ by less than what is written are one cost: a pack of a pack is that pack. */
Test(seeds, a_pack_of_a_pack)
{
    vlt_seeds seeds, again;
    char *text, *second;
    size_t bytes, second_bytes;
    parse("schema = 1\n" SEED("b", "z", "", "0.00001") SEED("b", "a", "", "0.00002")
              SEED("b", "m", "", "0") SEED("b", "far", "", "0.21") SEED("c", "y", "", "0.00016")
                  SEED("c", "b", "", "0.00024"),
          &seeds);
    cr_assert_eq(vlt_seeds_format(&seeds, 3, &text, &bytes, &err), VLT_OK);
    cr_assert_eq(vlt_seeds_parse(text, bytes, "again", &again, &err), VLT_OK, "%s", err.message);
    cr_expect_eq(again.count, 5);
    cr_expect_str_eq(again.seed[0].variant, "a");
    cr_assert_eq(vlt_seeds_format(&again, 3, &second, &second_bytes, &err), VLT_OK);
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
        {"schema = 1\n" SEED("b", "v", "", "1e300"), "'cost' is no number from 0 to 1000"},
        {"schema = 1\n" SEED("b", "v", "", "\"x\""), "'cost'"},
        {"schema = 1\nseed = [1]\n", "'seed' is no array of tables"},
        {"schema = 1\nmachine = 3\nseed = []\n", "'machine'"},
        {"schema = 1\nisa = [1]\nseed = []\n", "'isa'"},
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

    static const vlt_seed_fit fits[] = {VLT_SEED_FITS,     VLT_SEED_FITS,     VLT_SEED_NO_VARIANT,
                                        VLT_SEED_NO_KNOBS, VLT_SEED_OTHER_OP, VLT_SEED_FITS};
    for (int i = 0; i < seeds.count; i++) {
        cr_expect_eq(vlt_seed_fits(&seeds.seed[i], &wanted, domain), fits[i], "%d", i);
    }
    cr_expect_eq(vlt_seed_fits(&seeds.seed[0], &wanted, NULL), VLT_SEED_NOT_HERE);

    vlt_problem other = wanted;
    cr_assert_eq(vlt_problem_parse(&other, "src_h=2000,src_w=3000", &err), VLT_OK);
    cr_assert_eq(vlt_seeds_list(&seeds, &other, domain, &list, &err), VLT_OK);
    cr_expect_eq(list.foreign.count, 2); /* the nearest bucket */
    vlt_seed_list_release(&list);
    vlt_seeds_release(&seeds);
    vlt_knob_domain_destroy(domain);
}

/* A search tries the best of each list before the defaults, then measures on like without. */
Test(seeds, come_first)
{
    static vlt_seed first[] = {
        {.op = "resize", .bucket = "*", .variant = "avx2", .knobs = "strip=16", .cost = 0.1},
        {.op = "resize", .bucket = "*", .variant = "avx2", .knobs = "strip=128", .cost = 0},
        {.op = "norm", .bucket = "*", .variant = "avx2", .cost = 0}};
    static vlt_seed second[] = {
        {.op = "resize", .bucket = "*", .variant = "avx2", .knobs = "strip=17", .cost = 0},
        {.op = "resize", .bucket = "*", .variant = "avx512", .knobs = "strip=8", .cost = 1}};
    const vlt_seeds seeds[] = {{.seed = first, .count = 3}, {.seed = second, .count = 2}};
    static const struct {
        const char *variant;
        int64_t strip;
    } expected[] = {{"avx2", 128}, {"avx512", 8}};
    static const double call_ns[2] = {1, 1};
    const vlt_problem wanted = problem();
    const vlt_space space = make_space(&wanted);
    const vlt_setting incumbent = vlt_space_baseline(&space);
    const vlt_search_options options = {.plain = true, .seed = 7, .seeds = seeds, .seed_count = 2};
    vlt_search search;
    vlt_setting setting;
    int trials = 0;
    cr_assert_eq(vlt_search_init(&search, &space, &incumbent, &options, NULL), VLT_OK);
    while (vlt_search_next(&search, &setting)) {
        if (trials < 2) {
            cr_expect_str_eq(setting.variant->name, expected[trials].variant);
            cr_expect_eq(vlt_binding_value(setting.variant, &setting.binding, "strip"),
                         expected[trials].strip);
        }
        trials++;
        vlt_search_note(&search, &setting, VLT_OUTCOME_OK, 0.5, call_ns, NULL); /* bad here */
    }
    cr_expect_null(vlt_search_best(&search));
    cr_expect(search.proposed == 2 || search.proposed == 3);
    cr_expect_gt(trials, 10);
    vlt_search_release(&search);
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
    vlt_tuned_parts_add(&config.key.hard, "isa", "AVX2");
    cr_assert_eq(vlt_tuned_config_set(&config, &decision, &err), VLT_OK);
    cr_assert_eq(vlt_tuned_write(&config, test_folder_path("other.toml"), &err), VLT_OK, "%s",
                 err.message);
    cr_assert_eq(vlt_seeds_read(test_folder_path("other.toml"), &seeds, &err), VLT_OK, "%s",
                 err.message);
    cr_expect_eq(seeds.count, 1);
    cr_expect_str_eq(seeds.source, "Another CPU");
    cr_expect_str_eq(seeds.isa, "AVX2");
    cr_expect_str_eq(seeds.seed[0].knobs, "strip=64");
    vlt_seeds_release(&seeds);
    vlt_tuned_config_release(&config);
    cr_assert_eq(vlt_write_file(test_folder_path("cut.toml"), "schema = 1\n[[deci", 17, &err),
                 VLT_OK);
    cr_expect_eq(vlt_seeds_read(test_folder_path("cut.toml"), &seeds, &err), VLT_STATUS_INPUT);
    cr_expect(strstr(err.message, "cut.toml"));
    cr_expect_neq(vlt_seeds_read(test_folder_path("none.toml"), &seeds, &err), VLT_OK);
}

/* Packs of machines that differ least in what they can compute. */
Test(seeds, nearest_machines)
{
    vlt_seeds seeds = {.isa = "AVX2 AVX512 AVX512_VNNI"};
    const uint32_t avx2 = VLT_ISA_AVX2, avx512 = avx2 | VLT_ISA_AVX512;
    cr_expect_eq(vlt_seeds_distance(&seeds, avx512 | VLT_ISA_AVX512_VNNI), 0);
    cr_expect_eq(vlt_seeds_distance(&seeds, avx512), 1);
    cr_expect_eq(vlt_seeds_distance(&seeds, avx2), 2);
    cr_expect_eq(vlt_seeds_distance(&seeds, avx512 | VLT_ISA_AVX512_VNNI | VLT_ISA_AMX), 1);
    seeds.isa[0] = 0;
    cr_expect_eq(vlt_seeds_distance(&seeds, avx512), 2);
    vlt_seeds *near = calloc(64, sizeof *near);
    const uint32_t machines[] = {avx2, avx512 | VLT_ISA_AVX512_VNNI, 0};
    for (int i = 0; i < 3; i++) {
        int count = 0;
        cr_assert_eq(vlt_seeds_nearest_packs(machines[i], near, &count, &err), VLT_OK);
        cr_assert_geq(count, 1);
        for (int k = 0; k < count; k++) {
            if (i < 2) { /* there are packs of these two classes */
                cr_expect_eq(vlt_seeds_distance(&near[k], machines[i]), 0, "%s", near[k].isa);
            }
            vlt_seeds_release(&near[k]);
        }
    }
    free(near);
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
