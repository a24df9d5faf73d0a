/* libnvrtc.so.13 as fake_cuda.h says. FAKE_NVRTC_LOG names a file: one line a compilation. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fake_cuda/fake_cuda.h"

struct program {
    char folder[64], image[128], entry[64];
    char *source;
};

int nvrtcCreateProgram(struct program **, const char *, const char *, int, const char *const *,
                       const char *const *);
int nvrtcDestroyProgram(struct program **);
int nvrtcCompileProgram(struct program *, int, const char *const *);
int nvrtcGetProgramLogSize(struct program *, size_t *);
int nvrtcGetProgramLog(struct program *, char *);
int nvrtcGetPTXSize(struct program *, size_t *);
int nvrtcGetPTX(struct program *, char *);
int nvrtcGetCUBINSize(struct program *, size_t *);
int nvrtcGetCUBIN(struct program *, char *);
int nvrtcGetNumSupportedArchs(int *);
int nvrtcGetSupportedArchs(int *);

int nvrtcCreateProgram(struct program **out, const char *source, const char *name, int headers,
                       const char *const *header, const char *const *include)
{
    (void)headers, (void)header, (void)include;
    struct program *program = *out = calloc(1, sizeof *program);
    snprintf(program->folder, sizeof program->folder, "/tmp/vlt-fake-nvrtc-XXXXXX");
    snprintf(program->entry, sizeof program->entry, "%s", name);
    program->source = strdup(source);
    return mkdtemp(program->folder) ? 0 : 1;
}

int nvrtcDestroyProgram(struct program **program)
{
    free((*program)->source);
    free(*program);
    *program = NULL;
    return 0;
}

/* The shared object stays where the image says until the driver has loaded it. */
int nvrtcCompileProgram(struct program *program, int count, const char *const *option)
{
    char command[4096], path[96];
    snprintf(path, sizeof path, "%s/kernel.cpp", program->folder);
    FILE *file = fopen(path, "w");
    if (!file) {
        return 1;
    }
    fprintf(file,
            "#include \"" FAKE_PRELUDE "\"\n%s\nextern \"C\" void " FAKE_LAUNCH
            "(const unsigned *g, const unsigned *b, void **a) { fake_grid(%s, g, b, a); }\n",
            program->source, program->entry);
    fclose(file);
    int used = snprintf(command, sizeof command,
                        FAKE_COMPILER " -std=c++17 -O1 -w -ffp-contract=off -shared -fPIC");
    for (int i = 0; i < count; i++) {
        if (!strncmp(option[i], "-D", 2)) {
            used += snprintf(command + used, sizeof command - (size_t)used, " '%s'", option[i]);
        }
    }
    snprintf(command + used, sizeof command - (size_t)used, " -o %s/kernel.so %s 2>%s/log",
             program->folder, path, program->folder);
    snprintf(program->image, sizeof program->image, FAKE_IMAGE "%s", program->folder);
    const char *log = getenv("FAKE_NVRTC_LOG");
    FILE *lines = log ? fopen(log, "a") : NULL;
    if (lines) {
        fprintf(lines, "%s\n", program->entry);
        fclose(lines);
    }
    return system(command) == 0 ? 0 : 6;
}

static size_t read_log(struct program *program, char *text, size_t room)
{
    char path[96];
    snprintf(path, sizeof path, "%s/log", program->folder);
    FILE *file = fopen(path, "r");
    size_t bytes = file ? fread(text, 1, room - 1, file) : 0;
    text[bytes] = '\0';
    if (file) {
        fclose(file);
    }
    return bytes + 1;
}

int nvrtcGetProgramLogSize(struct program *program, size_t *bytes)
{
    char text[2048];
    *bytes = read_log(program, text, sizeof text);
    return 0;
}

int nvrtcGetProgramLog(struct program *program, char *text)
{
    read_log(program, text, 2048);
    return 0;
}

int nvrtcGetPTXSize(struct program *program, size_t *bytes)
{
    *bytes = strlen(program->image) + 1;
    return 0;
}

int nvrtcGetPTX(struct program *program, char *text)
{
    memcpy(text, program->image, strlen(program->image) + 1);
    return 0;
}

int nvrtcGetCUBINSize(struct program *program, size_t *bytes)
{
    return nvrtcGetPTXSize(program, bytes);
}

int nvrtcGetCUBIN(struct program *program, char *text)
{
    return nvrtcGetPTX(program, text);
}

int nvrtcGetNumSupportedArchs(int *count)
{
    *count = 2;
    return 0;
}

int nvrtcGetSupportedArchs(int *arch)
{
    arch[0] = 61;
    arch[1] = 90;
    return 0;
}
