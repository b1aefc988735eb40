#include "fixture.hpp"

#include "eco2/plugin/json.hpp"

namespace eco2::tests {
namespace {

std::string described(std::string_view config) {
    BatchPlugin batch(config);
    return batch.table == nullptr ? batch.instance.error() : std::string(text_of(*batch.table->describe(batch.table->self)));
}

TEST(BatchOptions, the_usual_capabilities_are_openais) {
    EXPECT_EQ(described(kBatchConfig),
              R"({"endpoint":"/v1/chat/completions","requests_max":50000,"file_bytes_max":196000000,"line_bytes_max":0,)"
              R"("enqueued_tokens_max":0,"creations_per_hour_max":2000,"price_factor":0.5,"window_s":86400,"expiry":"kept",)"
              R"("results_kept_s":2592000,"tag":true,"list":true,"cancel":true,"delete_files":true,"image_bytes":true,)"
              R"("image_urls":true})");
}

TEST(BatchOptions, each_capability_can_be_set) {
    EXPECT_EQ(described(R"({"base_url":"https://x.test","api":"responses","completion_window":"7d","requests_max":10,)"
                        R"("file_bytes_max":20,"line_bytes_max":30,"enqueued_tokens_max":40,"creations_per_hour_max":50,)"
                        R"("results_kept_s":60,"price_factor":1,"expiry":"never","image_bytes":false,"image_urls":false,)"
                        R"("metadata":false})"),
              R"({"endpoint":"/v1/responses","requests_max":10,"file_bytes_max":20,"line_bytes_max":30,)"
              R"("enqueued_tokens_max":40,"creations_per_hour_max":50,"price_factor":1,"window_s":604800,"expiry":"never",)"
              R"("results_kept_s":60,"tag":false,"list":true,"cancel":true,"delete_files":true,"image_bytes":false,)"
              R"("image_urls":false})");
}

TEST(BatchOptions, a_window_that_is_no_time_and_a_base_url_that_is_none_are_refused) {
    for (const std::string_view window : {"a day", "0h", "d", "-1h", ""}) {
        const std::string config = R"({"base_url":"https://x.test","completion_window":")" + std::string(window) + "\"}";
        EXPECT_NE(described(config).find("completion_window"), std::string::npos) << window;
    }
    EXPECT_NE(described(R"({"base_url":"x.test"})").find("base_url"), std::string::npos);
}

TEST(BatchOptions, the_schema_takes_all_that_the_live_plugin_takes) {
    plugin::JsonDocument<> mine;
    plugin::JsonDocument<> live;
    ASSERT_TRUE(mine.parse(openai_batch::kConfigSchema));
    ASSERT_TRUE(live.parse(openai::kConfigSchema));
    const auto& taken = mine.value().at("properties").get_object();
    for (const auto& [name, schema] : live.value().at("properties").get_object()) {
        ASSERT_TRUE(taken.contains(name)) << name;
        EXPECT_EQ(taken.at(name), schema) << name;
    }
}

}  // namespace
}  // namespace eco2::tests
