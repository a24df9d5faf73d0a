# Compiler flags of each ISA level that a variant or a measuring kernel may ask for (names as in
# VLT_ISA_MAP, optimizations/core/caps.h). Flags belong to single files, never to a target.
set(ISA_FLAGS_BASE "")
set(ISA_FLAGS_AVX2 -mavx2 -mfma -mf16c -mbmi -mbmi2 -mlzcnt -mpopcnt)
set(ISA_FLAGS_AVX_VNNI ${ISA_FLAGS_AVX2} -mavxvnni)
set(ISA_FLAGS_AVX512 ${ISA_FLAGS_AVX2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512cd)
set(ISA_FLAGS_AVX512_VNNI ${ISA_FLAGS_AVX512} -mavx512vnni -mavx512vbmi)
set(ISA_FLAGS_AVX512_BF16 ${ISA_FLAGS_AVX512} -mavx512bf16)
set(ISA_FLAGS_AMX ${ISA_FLAGS_AVX512_BF16} -mavx512vnni -mavx512vbmi -mamx-tile -mamx-int8
    -mamx-bf16)
