#pragma once

#include "batch/report/export.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace eco2::batch::test {

/// All files of a folder.
inline std::map<std::string, std::string> files_in(const std::filesystem::path& folder) {
    std::map<std::string, std::string> files;
    if (std::filesystem::exists(folder)) {
        for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            std::ifstream in(entry.path(), std::ios::binary);
            files[entry.path().filename().string()] = std::string(std::istreambuf_iterator<char>(in), {});
        }
    }
    return files;
}

inline ResultRow done(std::string id, std::int64_t line, std::string result) {
    ResultRow row;
    row.id = std::move(id);
    row.line = line;
    row.result_json = std::move(result);
    return row;
}

inline ResultRow failed(std::string id, std::int64_t line, std::string code, std::string detail) {
    ResultRow row;
    row.id = std::move(id);
    row.line = line;
    row.status = ResultRow::Status::failed;
    row.error_code = std::move(code);
    row.error_detail = std::move(detail);
    return row;
}

}  // namespace eco2::batch::test
