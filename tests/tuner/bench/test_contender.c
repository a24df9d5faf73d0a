#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tuner/bench/contender.h"

static vlt_contender parse(const char *text, vlt_status expected)
{
    vlt_contender contender;
    vlt_error err = {0};
    vlt_status status = vlt_contender_parse(text, &contender, &err);
    cr_assert_eq(status, expected, "'%s': %s %s", text, vlt_status_name(status), err.message);
    cr_assert(status == VLT_OK || err.message[0]);
    return contender;
}

Test(contender, tells_what_a_text_is)
{
    cr_assert_eq(parse("baseline", VLT_OK).kind, VLT_CONTENDER_BASELINE);
    cr_assert_eq(parse("db:7", VLT_OK).kind, VLT_CONTENDER_STORED);
    cr_assert_eq(parse("norm/avx2@rows=3,width=5", VLT_OK).kind, VLT_CONTENDER_VARIANT);
    cr_assert_eq(parse("norm@rows=3", VLT_OK).kind, VLT_CONTENDER_VARIANT);
    cr_assert_eq(parse("norm@prompt", VLT_OK).kind, VLT_CONTENDER_VARIANT);
    cr_assert_eq(parse("norm/avx2@prompt,rows=3", VLT_OK).kind, VLT_CONTENDER_VARIANT);
    cr_assert_eq(parse("probe/copy@work=1030", VLT_OK).kind, VLT_CONTENDER_VARIANT);
    const char *program = getenv("VLT_PROGRAM");
    vlt_contender contender = parse(program, VLT_OK);
    cr_assert_eq(contender.kind, VLT_CONTENDER_LIBRARY);
    cr_assert(strstr(contender.path, "libvltune.so"), "%s", contender.path);
    cr_assert_eq(parse(contender.path, VLT_OK).kind, VLT_CONTENDER_LIBRARY);
}

Test(contender, refuses_what_is_nothing)
{
    const char *bad[] = {"",
                         "nothing",
                         "norm/",
                         "norm/avx2@rows",
                         "norm/avx2@rows=x",
                         "norm/avx2@",
                         "norm@",
                         "norm@2b",
                         "norm@rows=3,prompt",
                         "norm@decoder",
                         "norm/avx2@deep=3",
                         "norm/avx2:k=1",
                         "norm:k=1",
                         "/avx2",
                         "@rows=3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        parse(bad[i], VLT_STATUS_USAGE);
    }
    parse("db:", VLT_STATUS_USAGE);
    parse("missing.toml", VLT_STATUS_INPUT);
    parse("missing/libvltune.so", VLT_STATUS_INPUT);
    FILE *file = fopen("no-library.so", "w");
    cr_assert_not_null(file);
    fputs("ELF", file);
    fclose(file);
    parse("no-library.so", VLT_STATUS_INPUT);
    remove("no-library.so");
    parse("/bin/sh", VLT_STATUS_INPUT); /* a program without our library */
    char text[3000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    parse(text, VLT_STATUS_USAGE);
}
