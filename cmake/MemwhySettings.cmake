# SPDX-License-Identifier: Apache-2.0
# The INTERFACE target memwhy_settings: language level and warnings that all of our targets share.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")

option(MEMWHY_WERROR "Warnings are errors" OFF)
option(MEMWHY_FUZZ "Build the fuzz targets (clang only)" OFF)
option(MEMWHY_FUZZ_REPLAY "Build the fuzz targets as programs that run files" OFF)

find_program(MEMWHY_CCACHE ccache)
if(MEMWHY_CCACHE)
  foreach(language IN ITEMS C CXX)
    if(NOT CMAKE_${language}_COMPILER_LAUNCHER)
      # Another clone, or another folder, finds the same objects.
      set(CMAKE_${language}_COMPILER_LAUNCHER "${CMAKE_COMMAND};-E;env;CCACHE_NOHASHDIR=1;\
CCACHE_BASEDIR=${CMAKE_SOURCE_DIR};${MEMWHY_CCACHE}")
    endif()
  endforeach()
endif()

add_library(memwhy_settings INTERFACE)
target_compile_features(memwhy_settings INTERFACE cxx_std_20)
target_include_directories(memwhy_settings INTERFACE "${CMAKE_SOURCE_DIR}/src")
target_compile_definitions(memwhy_settings INTERFACE
  _GNU_SOURCE MEMWHY_VERSION="${PROJECT_VERSION}")
target_compile_options(memwhy_settings INTERFACE
  -Wall -Wextra -Wshadow
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
  # libstdc++ 12's own stable_sort calls what it calls deprecated.
  $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wno-deprecated-declarations>
  $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast>
  $<$<BOOL:${MEMWHY_WERROR}>:-Werror>)
