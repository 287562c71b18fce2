# Programs for tools/portable: linked to libraries as archives, so that they need of a machine libc
# alone. LAPACK is the reference one: OpenBLAS has kernels for every processor, which are 25 MB. A
# library without an archive is linked as usual, and tools/portable copies it.
set(WAGLE_PORTABLE_LIBRARIES)
foreach(name lapacke lapack/liblapack.a blas/libblas.a jansson pcre2-8 utf8proc popt crypto z zstd snappy cmocka)
    string(REGEX REPLACE "[^a-z0-9]" "_" variable portable_${name})
    if(name MATCHES "[.]a$")
        find_library(${variable} ${name})
    else()
        find_library(${variable} NAMES lib${name}.a ${name})
    endif()
    if(NOT ${variable})
        message(STATUS "No lib${name}: nothing portable can be made")
        return()
    endif()
    list(APPEND WAGLE_PORTABLE_LIBRARIES ${${variable}})
endforeach()

function(wagle_portable name)
    add_executable(${name} EXCLUDE_FROM_ALL ${ARGN} ${CMAKE_SOURCE_DIR}/tests/portable/threads.c $<TARGET_OBJECTS:wagle_common>
        $<TARGET_OBJECTS:wagle_objects>)
    target_compile_options(${name} PRIVATE -std=c11 -Wall -Wextra)
    target_link_libraries(${name} PRIVATE -static-libgcc -Wl,--start-group ${WAGLE_PORTABLE_LIBRARIES} -Wl,-Bstatic -lgfortran
        -lquadmath -lstdc++ -Wl,-Bdynamic -Wl,--end-group Threads::Threads m ${CMAKE_DL_LIBS})
    target_link_options(${name} PRIVATE -Wl,--gc-sections -s)
    set_target_properties(${name} PROPERTIES BUILD_RPATH "\$ORIGIN/lib")
endfunction()

wagle_portable(wagle_portable $<TARGET_OBJECTS:wagle>)

# One program with the tests that run on a card; gold values are found below a folder that is given
# when it runs.
set(tests)
foreach(source cuda/test_cuda_ops gold/test_models gold/test_moments gold/test_training gold/test_shared gold/test_configs
        gold/test_protect_scores unit/test_objectives unit/test_select)
    get_filename_component(name ${source} NAME)
    add_library(portable_${name} OBJECT EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/tests/${source}.c)
    target_include_directories(portable_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
    target_compile_definitions(portable_${name} PRIVATE _GNU_SOURCE main=${name} WG_GOLD="gold" WG_SCRATCH="scratch" WG_SHARED="shared")
    target_compile_options(portable_${name} PRIVATE -ffp-contract=off -fno-math-errno -fno-trapping-math
        -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
    list(APPEND tests $<TARGET_OBJECTS:portable_${name}>)
endforeach()
wagle_portable(card_tests tests/portable/card_tests.c ${tests})
