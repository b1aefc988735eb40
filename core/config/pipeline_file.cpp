#include "config/pipeline_file.hpp"

#include "base/text.hpp"
#include "config/pipeline_paths.hpp"
#include "config/pipeline_reader.hpp"
#include "config/toml_file.hpp"

#include <algorithm>
#include <array>

namespace eco2::config {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::size_t kStagesMax = 32;
constexpr std::array<std::string_view, 5> kReserved = {"input", "data", "queued", "done", "error"};

class PipelineReader {
public:
    PipelineReader(Reading& reading, const Node* root, const std::filesystem::path& file)
        : reading_(reading), root_(reading, root, ""), texts_(reading, file.parent_path()) {
        pipeline_.file = file.string();
    }

    PipelineDefinition read() {
        const auto name = root_.required("name");
        pipeline_.name = name.text;
        if (!name.text.empty() && !is_stage_name(name.text)) {
            reading_.problems.add(name.place, name.path, "must be up to 32 of a-z, 0-9 and _, a letter first");
        }
        pipeline_.models = names("models");
        pipeline_.languages = names("languages");
        texts_.set_languages(pipeline_.languages);
        root_.set_duration("deadline_ms", pipeline_.deadline, 1'000, kHourMs);
        if (root_.has("title")) {
            pipeline_.title = texts_.literal(root_, "title");
        }
        pipeline_.default_question = texts_.literal(root_, "default_question");
        for (const auto& [data_name, data_file] : root_.named_texts("data")) {
            pipeline_.data[data_name] = texts_.read_json_object(data_file).value_or(std::string());
        }
        read_stages();
        read_input();
        read_result();
        root_.finish();
        return std::move(pipeline_);
    }

private:
    /// A list of unlike names, the first of which is the default.
    std::vector<std::string> names(std::string_view key) {
        std::vector<std::string> out;
        for (const PlacedText& name : root_.texts(key).value_or(std::vector<PlacedText>{})) {
            if (name.text.empty()) {
                reading_.problems.add(name.place, name.path, "is empty; must be a name");
            } else if (std::find(out.begin(), out.end(), name.text) != out.end()) {
                reading_.problems.add(
                    name.place, name.path, "\"" + shorten(name.text, 80) + "\" is there already; name each once");
            } else {
                out.push_back(name.text);
            }
        }
        const Node* list = root_.raw(key);
        if (out.empty() && (list == nullptr || (list->kind == Node::Kind::list && list->items.empty()))) {
            root_.problem(key, "is missing; must be a list of at least one name, the default first");
        }
        return out;
    }

    void read_stages() {
        auto sections = root_.tables("stage");
        if (sections.empty() && !root_.has("stage")) {
            root_.problem("stage", "is missing; must be at least one [[stage]]");
        }
        if (sections.size() > kStagesMax) {
            root_.problem("stage", "is there " + std::to_string(sections.size()) + " times; must be at most 32");
            return;
        }
        for (Section& section : sections) {
            StageDefinition stage = StageReader(reading_, texts_, pipeline_, stage_names_).read(section);
            check_name(section, stage.name);
            stage_names_.push_back(stage.name);
            pipeline_.stages.push_back(std::move(stage));
        }
    }

    void check_name(Section& section, const std::string& name) {
        if (name.empty()) {
            return;  // told already
        }
        if (!is_stage_name(name)) {
            section.problem(
                "name", "\"" + shorten(name, 80) + "\" is no stage name; must be up to 32 of a-z, 0-9 and _, a letter first");
        } else if (std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end()) {
            section.problem("name", "\"" + name + "\" is reserved; input, data, queued, done and error mean something else");
        } else if (std::find(stage_names_.begin(), stage_names_.end(), name) != stage_names_.end()) {
            section.problem("name", "\"" + name + "\" is there already; every stage needs a name of its own");
        }
    }

    void read_input() {
        const auto sends_image = [](const StageDefinition& stage) { return stage.sends_image; };
        const bool is_image_used = std::any_of(pipeline_.stages.begin(), pipeline_.stages.end(), sends_image);
        pipeline_.image = is_image_used ? Need::required : Need::none;
        Section section = root_.table("input");
        if (const auto image = section.choice("image", {"none", "optional", "required"})) {
            pipeline_.image = static_cast<Need>(*image);
            if (is_image_used == (pipeline_.image == Need::none)) {
                section.problem("image",
                                is_image_used ? "is \"none\", and a stage sends the image (image = true)"
                                              : "must be \"none\": no stage sends the image (image = true)");
            }
        }
        if (const auto question = section.choice("question", {"optional", "required"})) {
            pipeline_.question = *question == 1 ? Need::required : Need::optional;
        }
        section.finish();
    }

    void read_result() {
        for (const auto& [name, path] : root_.named_texts("result")) {
            check_path(reading_.problems, path, stage_names_, false);
            pipeline_.result.emplace_back(name, path.text);
        }
        if (pipeline_.result.empty() && !root_.has("result")) {
            root_.problem("result", "is missing; must be a table of names and stage paths");
        }
    }

    Reading& reading_;
    Section root_;
    FileTexts texts_;
    PipelineDefinition pipeline_;
    std::vector<std::string> stage_names_;
};

}  // namespace

Result<PipelineDefinition> load_pipeline(const std::filesystem::path& file) {
    auto root = read_toml(file);
    if (!root) {
        return root.error();
    }
    Reading reading{Problems(file.string()), {}, nullptr};
    auto pipeline = PipelineReader(reading, &*root, std::filesystem::absolute(file).lexically_normal()).read();
    if (!reading.problems.empty()) {
        return reading.problems.error();
    }
    return pipeline;
}

}  // namespace eco2::config
