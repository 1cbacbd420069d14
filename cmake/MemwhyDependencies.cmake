# SPDX-License-Identifier: Apache-2.0
# Everything comes from the distribution (scripts/install_deps); nothing is fetched or vendored.

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark QUIET)
find_package(PkgConfig REQUIRED)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(elf REQUIRED IMPORTED_TARGET libelf)
pkg_check_modules(curses REQUIRED IMPORTED_TARGET ncursesw)

add_library(memwhy_zstd INTERFACE)
target_link_libraries(memwhy_zstd INTERFACE PkgConfig::zstd)
add_library(memwhy_xxhash INTERFACE)
target_link_libraries(memwhy_xxhash INTERFACE PkgConfig::xxhash)
add_library(memwhy_elf INTERFACE)
target_link_libraries(memwhy_elf INTERFACE PkgConfig::elf)
add_library(memwhy_curses INTERFACE)
target_link_libraries(memwhy_curses INTERFACE PkgConfig::curses)
