#pragma once

#include "model/calls.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// A pipeline file as plain values: read and checked by `config`, run by `pipeline`. Files that it names are already read in.
namespace eco2 {

/// Text by language ("ko", "en"); the pipeline's default language is always there.
using TextByLanguage = std::map<std::string, std::string, std::less<>>;

/// Which classes a model may name. Values outside are repaired or refused, never passed on.
struct TaxonomyDefinition {
    std::string taxonomy_json;              // {major: {middle: [item]} | [item]}
    std::string tags_json;                  // {group: [tag]}
    std::vector<std::string> extra_majors;  // legal although not in the taxonomy
    std::string unclassified;               // the class for what cannot be repaired
    std::string unclassified_tag;           // tag added where the class or middle class was not known
    std::string no_minor_tag;               // tag added where the minor class is null
};

struct StageDefinition {
    enum class Kind { infer, rules, reward };

    std::string name;  // [a-z][a-z0-9_]*, unique in the pipeline
    Kind kind = Kind::infer;
    std::chrono::milliseconds timeout{60'000};
    std::size_t concurrency_max = 10'000;  // runs in this stage at once; others wait in its queue
    std::size_t queue_max = 10'000;        // beyond it a run is refused with `overloaded`

    std::string only_if;       // path that must hold a value; empty: always
    TextByLanguage otherwise;  // the output (JSON) when only_if does not hold

    // infer
    std::string provider;   // plugin instance; empty: the route that fits the model
    std::string model;      // empty: the run's
    TextByLanguage system;  // template: {{outline data.NAME}}, {{json data.NAME}}
    TextByLanguage user;    // template over the run: {{text PATH}}, {{json PATH}}
    bool sends_image = false;
    ImageDetail detail = ImageDetail::automatic;
    std::string schema_name;
    std::string schema_json;
    std::string params_json;  // further fields of the upstream request; empty: none
    std::int64_t max_output_tokens = -1;
    double temperature = -1;
    std::string stream_field;               // top-level string of the output whose text becomes <stage>.delta events
    std::string defaults_json;              // object; what an answer leaves out counts as this; empty: nothing
    std::vector<std::string> output_order;  // top-level keys in the order of the result; unnamed ones follow
    std::optional<TaxonomyDefinition> taxonomy;

    // rules
    std::string store;     // plugin instance
    std::string category;  // path
    std::string key;       // path

    // reward
    std::string engine;                                      // plugin instance
    std::vector<std::pair<std::string, std::string>> input;  // name -> path, or "has PATH" for a boolean
};

/// What a request must bring.
enum class Need { none, optional, required };

struct PipelineDefinition {
    std::string name;
    std::string file;      // for messages
    TextByLanguage title;  // for lists of pipelines; may be empty
    Need image = Need::required;
    Need question = Need::optional;      // never none
    std::vector<std::string> models;     // that a request may name; the first is the default
    std::vector<std::string> languages;  // the first is the default
    TextByLanguage default_question;
    std::chrono::milliseconds deadline{120'000};
    std::map<std::string, std::string, std::less<>> data;  // name -> JSON text, for {{... data.NAME}}
    std::vector<StageDefinition> stages;
    std::vector<std::pair<std::string, std::string>> result;  // name -> stage path, in order
};

}  // namespace eco2
