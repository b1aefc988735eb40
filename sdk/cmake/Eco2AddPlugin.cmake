# eco2_add_plugin(<name> SOURCES <file>... MANIFEST <plugin.toml.in> [LINK <target>...])
#
# Builds <build>/plugins/<name>/<name>.so, a library that exports its entry and its ABI marker and nothing else, and writes
# plugin.toml beside it. Installs both to <libdir>/eco2/plugins/<name>/.
#
# The manifest template may use @ECO2_PLUGIN_FILE@, @ECO2_PLUGIN_SHA256@ and @ECO2_ABI_DRAFT@.
include_guard(GLOBAL)
include(GNUInstallDirs)

set(ECO2_SDK_CMAKE_DIR ${CMAKE_CURRENT_LIST_DIR} CACHE INTERNAL "Where the SDK keeps its CMake files")
option(ECO2_STRIP_PLUGINS "Link optimised plugins without symbols, so that packaging cannot change them after hashing" ON)

function(eco2_add_plugin name)
    cmake_parse_arguments(ARG "" "MANIFEST" "SOURCES;LINK" ${ARGN})
    if(NOT ARG_SOURCES OR NOT ARG_MANIFEST)
        message(FATAL_ERROR "eco2_add_plugin(${name}): SOURCES and MANIFEST are needed")
    endif()
    cmake_path(ABSOLUTE_PATH ARG_MANIFEST OUTPUT_VARIABLE manifest_in)
    set(directory ${CMAKE_BINARY_DIR}/plugins/${name})
    set(version_script ${ECO2_SDK_CMAKE_DIR}/plugin.map)

    add_library(${name} MODULE ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE eco2::sdk eco2::wire ${ARG_LINK} $<TARGET_NAME_IF_EXISTS:eco2_warnings>)
    set_target_properties(${name} PROPERTIES
        PREFIX "" SUFFIX ".so" OUTPUT_NAME ${name}
        LIBRARY_OUTPUT_DIRECTORY ${directory}
        CXX_VISIBILITY_PRESET hidden C_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
        CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON
        BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "" # the install must not edit what was hashed
        LINK_DEPENDS "${version_script};${manifest_in};${ECO2_SDK_CMAKE_DIR}/Eco2WriteManifest.cmake")
    target_link_options(${name} PRIVATE
        "LINKER:--version-script=${version_script}" "LINKER:-z,now" "LINKER:-z,relro" "LINKER:-z,nodelete")
    if(ECO2_STRIP_PLUGINS)
        target_link_options(${name} PRIVATE "$<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-s>")
    endif()
    # clang does not link its sanitizers' runtime into shared objects: their symbols come from the program.
    if(NOT (CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND "${ECO2_SANITIZE} ${CMAKE_CXX_FLAGS}" MATCHES "address|thread|undefined"))
        target_link_options(${name} PRIVATE "LINKER:-z,defs")
    endif()

    get_target_property(include_dirs eco2::sdk INTERFACE_INCLUDE_DIRECTORIES)
    find_file(ECO2_ABI_HEADER eco2/abi/base.h PATHS ${ECO2_SDK_CMAKE_DIR}/../include ${include_dirs} NO_DEFAULT_PATH REQUIRED)
    add_custom_command(TARGET ${name} POST_BUILD
        COMMAND ${CMAKE_COMMAND} -DMANIFEST_IN=${manifest_in} -DLIBRARY=$<TARGET_FILE:${name}> -DMANIFEST=${directory}/plugin.toml
            -DABI_HEADER=${ECO2_ABI_HEADER} -P ${ECO2_SDK_CMAKE_DIR}/Eco2WriteManifest.cmake
        BYPRODUCTS ${directory}/plugin.toml VERBATIM)

    install(FILES $<TARGET_FILE:${name}> ${directory}/plugin.toml
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/eco2/plugins/${name} COMPONENT plugins)
endfunction()
