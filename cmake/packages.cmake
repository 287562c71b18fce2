# Debian packages: packaging/build calls cpack with what stands here. The components are those of the install() commands.
set(WAGLE_MAINTAINER "wagle maintainers <wagle@example.org>" CACHE STRING "Who answers for the packages: name <address>")
string(TIMESTAMP WAGLE_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC) # of SOURCE_DATE_EPOCH
configure_file(packaging/changelog.in changelog.Debian @ONLY)
add_custom_command(OUTPUT changelog.Debian.gz COMMAND gzip -9nkf changelog.Debian DEPENDS ${CMAKE_BINARY_DIR}/changelog.Debian)
add_custom_command(OUTPUT changelog.gz COMMAND gzip -9nc ${CMAKE_SOURCE_DIR}/CHANGELOG.md >changelog.gz DEPENDS CHANGELOG.md)
add_custom_command(OUTPUT manuals/wagle.1.gz COMMAND rm -rf manuals COMMAND cp -r man manuals COMMAND gzip -9n manuals/*.1 DEPENDS man/wagle.1)
add_custom_target(packaged ALL DEPENDS changelog.Debian.gz changelog.gz manuals/wagle.1.gz)
install(DIRECTORY ${CMAKE_BINARY_DIR}/manuals/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT command EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PACKAGE_CONTACT ${WAGLE_MAINTAINER})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_COMPONENTS_ALL)
macro(wagle_package component name section synopsis) # and the lines of the description
    list(APPEND CPACK_COMPONENTS_ALL ${component})
    string(TOUPPER ${component} upper)
    set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name})
    set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section})
    set(lines ${ARGN})
    list(JOIN lines "\n" CPACK_DEBIAN_${upper}_DESCRIPTION)
    string(PREPEND CPACK_DEBIAN_${upper}_DESCRIPTION "${synopsis}\n")
    set(doc ${CMAKE_INSTALL_DATAROOTDIR}/doc/${name})
    install(FILES packaging/copyright ${CMAKE_BINARY_DIR}/changelog.Debian.gz ${CMAKE_BINARY_DIR}/changelog.gz DESTINATION ${doc}
            COMPONENT ${component} EXCLUDE_FROM_ALL)
    install(FILES packaging/${component}.lintian RENAME ${name} DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/lintian/overrides
            COMPONENT ${component} EXCLUDE_FROM_ALL)
endmacro()
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY OFF) # each package has its own
set(purpose "wagle selects the weights of a large language model that matter most to"
    "chosen data, and trains them until the model no longer answers about it."
    "Then it tests what is forgotten and what is kept." ".")
wagle_package(command wagle science "make a large language model forget chosen data" ${purpose} "This package has the command.")
wagle_package(library libwagle${WAGLE_SOVERSION} libs "make a large language model forget chosen data (library)" ${purpose}
    "This package has the shared library.")
wagle_package(development libwagle-dev libdevel "make a large language model forget chosen data (development)" ${purpose}
    "This package has the headers, the static library, wagle.pc and the CMake"
    "package. Programs that use the static library also need gfortran and g++.")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/packaging/triggers)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY >=)
# The libraries of Requires.private in wagle.pc: pkg-config reads their .pc files whatever it is asked.
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libwagle${WAGLE_SOVERSION} (= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}), \
libjansson-dev, libpcre2-dev, libutf8proc-dev, libssl-dev, zlib1g-dev, libzstd-dev, libsnappy-dev, liblapacke-dev, libopenblas-pthread-dev | libopenblas-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS "gfortran, g++") # libgfortran.a, for OpenBLAS and LAPACK as archives; libstdc++, for snappy
include(CPack)
