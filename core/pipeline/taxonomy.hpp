#pragma once

#include "base/result.hpp"
#include "model/pipeline_definition.hpp"

#include <boost/json/value.hpp>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace eco2 {

/// The classes that exist. Brings a model's classification inside, or refuses it: nothing outside is ever passed on.
///
/// Thread-safety: any thread once compiled.
class Taxonomy {
public:
    /// Errors: config_invalid (the data has another shape).
    static Result<Taxonomy> compile(const TaxonomyDefinition& definition);

    struct Checked {
        boost::json::value value;          // {"classification", "situation_tags", "meta"}, all inside the taxonomy
        std::vector<std::string> repairs;  // what was changed, for the log
    };

    /// `value` has passed the stage's schema; `question` replaces whatever the model echoed.
    ///
    /// Repairs: white space; a known middle class under a wrong major; a flat major's middle class; an unknown class becomes
    /// the
    ///          unclassified one; unknown and repeated tags go; control characters and length of the free minor class.
    /// Errors:  outside_taxonomy (no unclassified class is configured), provider_bad_answer (no classification in it).
    Result<Checked> check(const boost::json::value& value, std::string_view question) const;

private:
    struct Major {
        std::string name;
        std::set<std::string, std::less<>> middles;  // empty: flat
    };
    struct Names {
        std::string major;
        std::string middle;
        std::string minor;  // empty: null
        bool is_unclassified = false;
    };

    const Major* find_major(std::string_view name) const;
    Result<Names> repair(Names names, std::vector<std::string>& repairs) const;
    boost::json::array tags(const boost::json::value* given, const Names& names, std::vector<std::string>& repairs) const;

    std::vector<Major> majors_;
    std::map<std::string, std::string, std::less<>> major_of_middle_;  // only middles that stand under one major
    std::set<std::string, std::less<>> tags_;
    std::string unclassified_;
    std::string unclassified_tag_;
    std::string no_minor_tag_;
};

}  // namespace eco2
