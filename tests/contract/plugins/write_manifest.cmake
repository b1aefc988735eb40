# Writes plugin.toml beside a library: -DLIBRARY= -DID= -DINTERFACES= (comma list) -DDRAFT=
get_filename_component(directory ${LIBRARY} DIRECTORY)
get_filename_component(file ${LIBRARY} NAME)
file(SHA256 ${LIBRARY} hash)
string(REPLACE "," "\", \"" interfaces "${INTERFACES}")
file(WRITE ${directory}/plugin.toml
"id = \"${ID}\"
version = \"1.0.0\"
abi_draft = ${DRAFT}
file = \"${file}\"
sha256 = \"${hash}\"
interfaces = [\"${interfaces}\"]
licence = \"test\"
")
