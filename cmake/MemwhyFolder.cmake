# SPDX-License-Identifier: Apache-2.0
# memwhy_folder(<name> [PROGRAM <program>] [DEPS <folder>...] [LIBS <target>...])
#
# Turns the current folder into targets:
#   memwhy_<name>   static library of the *.cc here and in direct subfolders (tests, benchmarks and
#                   main.cc left out); an INTERFACE library where there are only headers.
#   <program>       executable of main.cc, with PROGRAM.
#   <name>_test     one executable of all *_test.cc, one ctest entry labelled "unit".
#   <name>_bench    one executable of all *_bench.cc, built only on request.
# DEPS are folders (linked as memwhy_<dep>, skipped while they do not exist), LIBS are targets.
# Links are PUBLIC. A folder without any source or header makes no target.

add_custom_target(unit_tests)

function(memwhy_folder name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PROGRAM" "DEPS;LIBS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "memwhy_folder(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  file(GLOB sources CONFIGURE_DEPENDS *.cc */*.cc)
  file(GLOB headers CONFIGURE_DEPENDS *.h */*.h)
  set(tests ${sources})
  set(benches ${sources})
  set(programs ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  list(FILTER programs INCLUDE REGEX "/main\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|_bench|/main)\\.cc$")

  if(NOT sources AND NOT headers AND NOT programs)
    return()
  endif()

  set(links memwhy_settings ${arg_LIBS})
  foreach(dep IN LISTS arg_DEPS)
    list(APPEND links "$<TARGET_NAME_IF_EXISTS:memwhy_${dep}>")
  endforeach()

  set(library "memwhy_${name}")
  if(sources)
    add_library(${library} STATIC ${sources})
    target_link_libraries(${library} PUBLIC ${links})
  else()
    add_library(${library} INTERFACE)
    target_link_libraries(${library} INTERFACE ${links})
  endif()

  if(arg_PROGRAM AND programs)
    add_executable(${arg_PROGRAM} ${programs})
    target_link_libraries(${arg_PROGRAM} PRIVATE ${library})
  endif()

  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${library} GTest::gmock GTest::gtest_main)
    add_test(NAME ${name}_test COMMAND ${name}_test WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
    set_tests_properties(${name}_test PROPERTIES LABELS unit TIMEOUT 300)
    add_dependencies(unit_tests ${name}_test)
  endif()

  if(benches AND TARGET benchmark::benchmark_main)
    add_executable(${name}_bench EXCLUDE_FROM_ALL ${benches})
    target_link_libraries(${name}_bench PRIVATE ${library} benchmark::benchmark_main)
  endif()
endfunction()
