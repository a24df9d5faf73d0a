# cmake -DROOT=optimizations -DOUT=source_hash.c -P source_hash.cmake: see source_hash.h
file(GLOB_RECURSE sources RELATIVE ${ROOT} ${ROOT}/*.c ${ROOT}/*.h ${ROOT}/*.cu ${ROOT}/*.def)
list(SORT sources)
set(all "")
foreach(source IN LISTS sources)
    file(SHA256 ${ROOT}/${source} hash)
    string(APPEND all "${source} ${hash}\n")
endforeach()
string(SHA256 hash "${all}")
string(SUBSTRING ${hash} 0 16 hash)
file(WRITE ${OUT} "#include \"optimizations/core/source_hash.h\"

uint64_t vlt_source_hash(void)
{
    return UINT64_C(0x${hash});
}
")
