// The order of patchify.h, one value a thread. PATCH, TEMPORAL and MERGE are macros.
extern "C" __global__ void patchify_device(const unsigned char *pixels, const float *table,
                                           float *out, int h, int w, int frames)
{
    const int row_values = 3 * TEMPORAL * PATCH * PATCH;
    const long long count = 3ll * TEMPORAL * h * w;
    const int tokens_wide = w / (PATCH * MERGE);
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < count;
         i += (long long)gridDim.x * blockDim.x) {
        int e = (int)(i % row_values), token = (int)(i / row_values / (MERGE * MERGE));
        int cell = (int)(i / row_values % (MERGE * MERGE));
        int c = e / (TEMPORAL * PATCH * PATCH), t = e / (PATCH * PATCH) % TEMPORAL;
        int y = (token / tokens_wide * MERGE + cell / MERGE) * PATCH + e / PATCH % PATCH;
        int x = (token % tokens_wide * MERGE + cell % MERGE) * PATCH + e % PATCH;
        long long frame = frames == 1 ? 0 : (long long)t * h * w * 3;
        out[i] = table[c * 256 + pixels[frame + ((long long)y * w + x) * 3 + c]];
    }
}
