#include "tuner/cli/config_pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/json/json.h"
#include "tuner/pack/seeds.h"

enum { TOP = 4 };

/* Adds the seeds of one file; what several files say about a setting counts once, at its best. */
static vlt_status add_file(const char *path, vlt_seeds *all, vlt_error *err)
{
    vlt_seeds seeds;
    vlt_status status = vlt_seeds_read(path, &seeds, err);
    if (status != VLT_OK) {
        return status;
    }
    if (!all->source[0]) {
        memcpy(all->source, seeds.source, sizeof all->source);
        memcpy(all->isa, seeds.isa, sizeof all->isa);
    }
    for (int i = 0; i < seeds.count && status == VLT_OK; i++) {
        vlt_seed *known = NULL;
        for (int k = 0; k < all->count && !known; k++) {
            const vlt_seed *other = &all->seed[k];
            bool same = !strcmp(other->op, seeds.seed[i].op) &&
                        !strcmp(other->bucket, seeds.seed[i].bucket) &&
                        !strcmp(other->variant, seeds.seed[i].variant) &&
                        !strcmp(other->knobs, seeds.seed[i].knobs);
            known = same ? &all->seed[k] : NULL;
        }
        if (!known) {
            status = vlt_seeds_add(all, &seeds.seed[i], err);
        } else if (seeds.seed[i].cost < known->cost) {
            known->cost = seeds.seed[i].cost;
        }
    }
    vlt_seeds_release(&seeds);
    return status;
}

static vlt_status write_pack(const vlt_cli *cli, const vlt_seeds *all, vlt_error *err)
{
    char *text;
    size_t bytes;
    const char *output = vlt_cli_text(cli, "output", NULL);
    vlt_status status = vlt_seeds_format(all, (int)vlt_cli_int(cli, "top", TOP), &text, &bytes,
                                         err);
    if (status != VLT_OK) {
        return status;
    }
    if (output) {
        status = vlt_write_file(output, text, bytes, err);
    } else if (fwrite(text, 1, bytes, stdout) != bytes || fflush(stdout) != 0) {
        status = vlt_fail(err, VLT_STATUS_IO, "standard output cannot be written");
    }
    free(text);
    return status;
}

vlt_status vlt_config_pack(vlt_cli *cli, vlt_error *err)
{
    vlt_seeds all = {.count = 0};
    const char *machine = vlt_cli_text(cli, "machine", NULL);
    vlt_status status = VLT_OK;
    if (machine && (strlen(machine) >= sizeof all.source || strpbrk(machine, "\"\\\n\r\t"))) {
        return vlt_fail(err, VLT_STATUS_USAGE,
                        "config: option '--machine': %zu bytes, expected below %zu without quotes",
                        strlen(machine), sizeof all.source);
    }
    for (int i = 1; i < vlt_cli_operand_count(cli) && status == VLT_OK; i++) {
        status = add_file(vlt_cli_operand(cli, i), &all, err);
    }
    if (machine) {
        memcpy(all.source, machine, strlen(machine) + 1);
    }
    status = status == VLT_OK ? write_pack(cli, &all, err) : status;
    vlt_seeds_release(&all);
    return status;
}
