# Run after a plugin was linked: fills the manifest template with the ABI draft of the headers and the hash of the file as it is.
cmake_minimum_required(VERSION 3.25)
file(STRINGS ${ABI_HEADER} draft_line REGEX "^#define ECO2_ABI_DRAFT ")
string(REGEX REPLACE "^#define ECO2_ABI_DRAFT +" "" ECO2_ABI_DRAFT "${draft_line}")
file(SHA256 ${LIBRARY} ECO2_PLUGIN_SHA256)
cmake_path(GET LIBRARY FILENAME ECO2_PLUGIN_FILE)
configure_file(${MANIFEST_IN} ${MANIFEST} @ONLY)
