# One place for flags: every target of ours links eco2_warnings.
add_library(eco2_warnings INTERFACE)
target_compile_options(eco2_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
    $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Woverloaded-virtual>)
if(ECO2_SANITIZE)
    add_compile_options(-fsanitize=${ECO2_SANITIZE} -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${ECO2_SANITIZE})
    if(ECO2_SANITIZE MATCHES undefined)
        add_compile_options(-fno-sanitize-recover=undefined)
    endif()
    if(ECO2_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
        add_compile_options(-Wno-tsan) # Asio's fences are fine; g++ warns about every one
    endif()
endif()
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fno-plt>)
add_link_options(-Wl,--as-needed)
