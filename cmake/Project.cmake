# The flags every target of ours gets; generated code does not link this.
add_library(chw_flags INTERFACE)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
target_compile_definitions(chw_flags INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE)
target_compile_options(chw_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wcast-qual -Wvla -Wundef -Wformat=2 -Wswitch-enum -fno-common
    $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>
    -ffp-contract=off) # scores are equal to the bit on every machine
# "base/status.h" for what is shared, "broker/dispatch.h" for what is a program's own.
target_include_directories(chw_flags INTERFACE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/lib")

function(chw_library name)
    add_library(${name} STATIC ${ARGN})
    target_link_libraries(${name} PUBLIC chw_flags)
endfunction()

# chw_program(chw-broker SOURCES main.c LIBS broker_core): built to build/*/bin, installed.
function(chw_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS")
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE chw_flags ${arg_LIBS})
    install(TARGETS ${name})
endfunction()

# chw_test(NAME test_dispatch LABEL unit SOURCES test_dispatch.c LIBS broker_core)
function(chw_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;LABEL;TIMEOUT" "SOURCES;LIBS")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    add_executable(${arg_NAME} ${arg_SOURCES})
    target_link_libraries(${arg_NAME} PRIVATE chw_flags ${arg_LIBS} PkgConfig::CMOCKA)
    set_target_properties(${arg_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    add_test(NAME ${arg_LABEL}.${arg_NAME} COMMAND ${arg_NAME})
    set_tests_properties(${arg_LABEL}.${arg_NAME} PROPERTIES
        LABELS "${arg_LABEL}" TIMEOUT "${arg_TIMEOUT}" PROCESSORS 2)
endfunction()

# The presets run tests in four places, for two cores. A test takes two of them, but for
# one that mostly waits: chw_test_places(WAIT integration.top ...), at the end of a folder's
# list, which also has those of FIRST begin before others: the longest, lest one be left over.
function(chw_test_places)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "WAIT;FIRST")
    get_property(tests DIRECTORY PROPERTY TESTS)
    set_tests_properties(${tests} PROPERTIES PROCESSORS 2)
    if(arg_WAIT)
        set_tests_properties(${arg_WAIT} PROPERTIES PROCESSORS 1)
    endif()
    foreach(name IN LISTS arg_FIRST)
        set_tests_properties(${name} PROPERTIES COST 100)
    endforeach()
endfunction()

# chw_fuzz(NAME fuzz_header CORPUS corpus/header SOURCES fuzz_header.c LIBS wire): a libFuzzer
# binary with CHW_FUZZ, and in every build a test that replays the corpus.
function(chw_fuzz)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;CORPUS" "SOURCES;LIBS")
    if(CHW_FUZZ)
        add_executable(${arg_NAME} ${arg_SOURCES})
        target_link_options(${arg_NAME} PRIVATE -fsanitize=fuzzer)
    else()
        add_executable(${arg_NAME} ${arg_SOURCES} "${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c")
    endif()
    target_link_libraries(${arg_NAME} PRIVATE chw_flags ${arg_LIBS})
    set_target_properties(${arg_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    file(GLOB inputs CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${arg_CORPUS}/*")
    add_test(NAME fuzz.${arg_NAME} COMMAND ${arg_NAME} ${inputs})
    set_tests_properties(fuzz.${arg_NAME} PROPERTIES LABELS fuzz TIMEOUT 60 PROCESSORS 2)
endfunction()
