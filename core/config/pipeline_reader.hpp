#pragma once

#include "config/section.hpp"
#include "model/pipeline_definition.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace eco2::config {

/// Files beside a pipeline file, and texts by language in them.
class FileTexts {
public:
    FileTexts(Reading& reading, std::filesystem::path directory) : reading_(reading), directory_(std::move(directory)) {}

    /// The languages that texts may and must be in; the first must be there always.
    void set_languages(std::vector<std::string> languages) { languages_ = std::move(languages); }

    std::optional<std::string> read(const PlacedText& file);
    /// As `read`; must hold a JSON object.
    std::optional<std::string> read_json_object(const PlacedText& file);
    /// A table of literal texts.
    TextByLanguage literal(Section& section, std::string_view key);
    /// A table of file names.
    TextByLanguage files(Section& section, std::string_view key, bool is_json = false);

private:
    bool is_complete(Section& section, std::string_view key, const std::vector<std::pair<std::string, PlacedText>>& texts);

    Reading& reading_;
    std::filesystem::path directory_;
    std::vector<std::string> languages_;
};

/// One [[stage]] table.
class StageReader {
public:
    StageReader(Reading& reading, FileTexts& texts, const PipelineDefinition& pipeline, const std::vector<std::string>& earlier)
        : reading_(reading), texts_(texts), pipeline_(pipeline), earlier_(earlier) {}

    StageDefinition read(Section& section);

private:
    void read_common(Section& section, StageDefinition& to);
    void read_infer(Section& section, StageDefinition& to);
    void read_schema(Section& section, StageDefinition& to);
    void read_taxonomy(Section& section, StageDefinition& to);
    void read_rules(Section& section, StageDefinition& to);
    void read_reward(Section& section, StageDefinition& to);
    std::string path(Section& section, std::string_view key);
    std::string data(Section& section, std::string_view key);

    Reading& reading_;
    FileTexts& texts_;
    const PipelineDefinition& pipeline_;
    const std::vector<std::string>& earlier_;
};

}  // namespace eco2::config
