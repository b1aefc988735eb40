#include "batch/report/export.hpp"

#include "base/hash.hpp"
#include "batch/plan/csv.hpp"
#include "export_files.hpp"
#include "support/temporary_folder.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>

#include <algorithm>

namespace eco2::batch {
namespace {

using test::done;
using test::failed;
using test::files_in;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class Export : public testing::Test {
protected:
    std::filesystem::path out() const { return folder_.path() / "out"; }
    std::map<std::string, std::string> written(const std::vector<ResultRow>& rows,
                                               ResultWriter::Form form = ResultWriter::Form::result,
                                               const ExportManifest& manifest = {}) {
        auto writer = ResultWriter::open(out(), form);
        EXPECT_TRUE(writer) << writer.error().detail;
        for (const auto& row : rows) {
            EXPECT_TRUE((*writer)->add(row, {}));
        }
        const auto committed = (*writer)->commit(manifest);
        EXPECT_TRUE(committed) << committed.error().detail;
        return files_in(out());
    }

    eco2::test::TemporaryFolder folder_;
};

TEST_F(Export, a_line_an_item_in_the_order_of_the_input) {
    auto cancelled = done("c", 4, "");
    cancelled.status = ResultRow::Status::cancelled;
    auto labelled = done("d\n", 5, "[1]");
    labelled.label = "can";
    auto both = failed("e", 6, "PROVIDER_REFUSED", "no \"way\"\xFF");
    both.result_json = "{\"status\":400}";
    const auto files = written({done("a", 1, " {\"x\":1.0,\r\n\"y\":\"z\"} "),
                                failed("b", 3, "PROVIDER_REJECTED", "too long"),
                                cancelled,
                                labelled,
                                both,
                                done("f", 7, "")});
    EXPECT_EQ(files.at("results.jsonl"),
              "{\"id\":\"a\",\"status\":\"done\",\"result\":{\"x\":1.0,  \"y\":\"z\"}}\n"
              "{\"id\":\"b\",\"status\":\"failed\",\"error\":{\"code\":\"PROVIDER_REJECTED\",\"message\":\"too long\"}}\n"
              "{\"id\":\"c\",\"status\":\"cancelled\"}\n"
              "{\"id\":\"d\\n\",\"status\":\"done\",\"label\":\"can\",\"result\":[1]}\n"
              "{\"id\":\"e\",\"status\":\"failed\",\"result\":{\"status\":400},"
              "\"error\":{\"code\":\"PROVIDER_REFUSED\",\"message\":\"no \\\"way\\\"?\"}}\n"
              "{\"id\":\"f\",\"status\":\"done\",\"result\":null}\n");
}

TEST_F(Export, a_job_of_requests_has_their_responses) {
    const auto files =
        written({done("a", 1, "{\"id\":\"chatcmpl-1\",\"usage\":{\"total_tokens\":7}}")}, ResultWriter::Form::response);
    EXPECT_EQ(files.at("results.jsonl"),
              "{\"id\":\"a\",\"status\":\"done\",\"response\":{\"id\":\"chatcmpl-1\",\"usage\":{\"total_tokens\":7}}}\n");
    EXPECT_EQ(files.at("results.csv"),
              "id,status,error_code,error_message,response.id,response.usage.total_tokens\na,done,,,chatcmpl-1,7\n");
}

TEST_F(Export, the_csv_has_a_column_for_each_value_that_comes_anywhere) {
    const auto files = written({done("=1", 1, R"({"a":{"b":-1.50,"c":"x,y"},"status":"=A1"})"),
                                failed("b", 2, "PROVIDER_REFUSED", "-no"),
                                done("c", 3, R"({"d":[1, "z"],"a":{"c":null,"b":true}})"),
                                done("d", 4, "7")});
    EXPECT_EQ(files.at("results.csv"),
              "id,status,error_code,error_message,result.a.b,result.a.c,result.status,result.d,result\n"
              "'=1,done,,,-1.50,\"x,y\",'=A1,,\n"
              "b,failed,PROVIDER_REFUSED,'-no,,,,,\n"
              "c,done,,,true,,,\"[1, \"\"z\"\"]\",\n"
              "d,done,,,,,,,7\n");
}

TEST_F(Export, the_csv_has_labels_where_there_are_any) {
    auto labelled = done("b", 2, "{}");
    labelled.label = "can";
    EXPECT_EQ(written({done("a", 1, "{}"), labelled}).at("results.csv"),
              "id,status,error_code,error_message,label,result\na,done,,,,{}\nb,done,,,can,{}\n");
}

TEST_F(Export, the_csv_is_read_back_as_it_was_meant) {
    const std::string text = "a \\\"quoted\\\", broken\\r\\nline \xEA\xB0\x80";
    written({done("x,\"y\"\n", 1, "{\"t\":\"" + text + "\"}")});
    auto reader = CsvReader::open((out() / "results.csv").string(), 1'000);
    std::vector<std::string> fields;
    ASSERT_TRUE(*reader->next(fields));
    ASSERT_TRUE(*reader->next(fields));
    EXPECT_THAT(fields, ElementsAre("x,\"y\"\n", "done", "", "", "a \"quoted\", broken\r\nline \xEA\xB0\x80"));
}

TEST_F(Export, beyond_so_many_columns_a_row_has_its_result_whole) {
    std::string many = "{\"first\":0";
    for (int i = 1; i <= 250; ++i) {
        many += ",\"k" + std::to_string(i) + "\":1";
    }
    many += "}";
    const auto csv =
        written({done("a", 1, many), done("b", 2, "{\"first\":5}"), done("c", 3, "{\"first\":6,\"new\":7}")}).at("results.csv");
    const auto head = csv.substr(0, csv.find('\n'));
    EXPECT_EQ(std::count(head.begin(), head.end(), ','), 4 + 200);
    EXPECT_THAT(head, testing::EndsWith(",result.k199,result_json"));
    EXPECT_THAT(csv, HasSubstr("\nb,done,,,5," + std::string(199, ',') + "\n"));
    EXPECT_THAT(csv, HasSubstr("\nc,done,,,6," + std::string(199, ',') + "\"{\"\"first\"\":6,\"\"new\"\":7}\"\n"));
}

TEST_F(Export, a_name_that_is_too_long_makes_no_column) {
    const auto csv = written({done("a", 1, "{\"" + std::string(300, 'k') + "\":1}")}).at("results.csv");
    EXPECT_THAT(csv, testing::StartsWith("id,status,error_code,error_message,result_json\n"));
}

TEST_F(Export, lineage_says_how_each_stage_was_come_by) {
    auto writer = ResultWriter::open(out(), ResultWriter::Form::result);
    const std::vector<LineageStage> stages{{"vision", "s-1", 2, "batch_req_1", "m", "2026-01", 120, 7, 123'456'789, false},
                                           {"rule", "", 1, "", "", "", 0, 0, 0, true}};
    ASSERT_TRUE((*writer)->add(done("a", 1, "{}"), stages));
    ASSERT_TRUE((*writer)->add(failed("b", 2, "X", ""), {}));
    ASSERT_TRUE((*writer)->commit({}));
    EXPECT_EQ(
        files_in(out()).at("lineage.jsonl"),
        "{\"id\":\"a\",\"stages\":[{\"stage\":\"vision\",\"shard\":\"s-1\",\"attempt\":2,\"request_id\":\"batch_req_1\","
        "\"model\":\"m\",\"price_version\":\"2026-01\",\"input_tokens\":120,\"output_tokens\":7,\"cost_usd\":0.000123456789,"
        "\"is_cached\":false},{\"stage\":\"rule\",\"shard\":null,\"attempt\":1,\"request_id\":null,\"model\":null,"
        "\"price_version\":null,\"input_tokens\":0,\"output_tokens\":0,\"cost_usd\":0.00,\"is_cached\":true}]}\n"
        "{\"id\":\"b\",\"stages\":[]}\n");
}

TEST_F(Export, the_manifest_describes_the_files_as_they_are) {
    ExportManifest manifest;
    manifest.job = "job-1";
    manifest.input = "in.csv";
    manifest.fingerprint = "abc";
    manifest.price_version = "2026-01";
    manifest.money.booked = 1'500'000'000'001;
    manifest.money.unexplained = -1;
    manifest.shards = {"{\"shard\":\"s-1\"}", "{\"shard\":\"s-2\"}"};
    const auto files =
        written({done("a", 1, "{}"), done("b", 2, "{}"), failed("c", 3, "X", "")}, ResultWriter::Form::result, manifest);
    ASSERT_THAT(files, SizeIs(4));
    const auto& text = files.at("manifest.json");
    const auto about = boost::json::parse(text).as_object();
    EXPECT_EQ(about.at("job").as_string(), "job-1");
    EXPECT_EQ(about.at("input"), boost::json::parse(R"({"path":"in.csv","fingerprint":"abc"})"));
    EXPECT_EQ(about.at("counts"), boost::json::parse(R"({"items":3,"done":2,"failed":1,"cancelled":0})"));
    EXPECT_EQ(about.at("shards"), boost::json::parse(R"([{"shard":"s-1"},{"shard":"s-2"}])"));
    EXPECT_THAT(text, HasSubstr("\"booked\": 1.500000000001, "));
    EXPECT_THAT(text, HasSubstr("\"unexplained\": -0.000000000001, \"cap\": null"));
    ASSERT_EQ(about.at("files").as_array().size(), 3U);
    for (const auto& file : about.at("files").as_array()) {
        const auto& bytes = files.at(std::string(file.at("name").as_string()));
        EXPECT_EQ(file.at("bytes").to_number<std::size_t>(), bytes.size());
        EXPECT_EQ(file.at("sha256").as_string(), sha256_hex(bytes));
    }
}

TEST_F(Export, an_empty_job_has_empty_files_and_a_head_line) {
    const auto files = written({});
    EXPECT_EQ(files.at("results.jsonl"), "");
    EXPECT_EQ(files.at("results.csv"), "id,status,error_code,error_message\n");
    EXPECT_NO_THROW(boost::json::parse(files.at("manifest.json")));
}

TEST_F(Export, a_result_that_is_not_json_is_refused_and_the_row_may_come_as_a_failed_one) {
    auto writer = ResultWriter::open(out(), ResultWriter::Form::result);
    EXPECT_EQ((*writer)->add(done("a", 1, "{\"x\":"), {}).error().code, Errc::internal);
    EXPECT_EQ((*writer)->add(done("a", 1, "{} {}"), {}).error().code, Errc::internal);
    EXPECT_EQ((*writer)->add(done("a", 1, std::string(100'000, '[')), {}).error().code, Errc::internal);
    EXPECT_TRUE((*writer)->add(failed("a", 1, "PROVIDER_BAD_ANSWER", "not JSON"), {}));
    EXPECT_EQ((*writer)->add(done("z", 0, "{}"), {}).error().code, Errc::internal);
    ASSERT_TRUE((*writer)->commit({}));
    EXPECT_EQ(files_in(out()).at("results.jsonl"),
              "{\"id\":\"a\",\"status\":\"failed\",\"error\":{\"code\":\"PROVIDER_BAD_ANSWER\",\"message\":\"not JSON\"}}\n");
}

TEST_F(Export, equal_rows_give_equal_bytes) {
    const std::vector rows{done("a", 1, "{\"x\":{\"y\":1}}"), failed("b", 2, "X", "y")};
    const auto first = written(rows);
    EXPECT_EQ(written(rows), first);
}

TEST_F(Export, rows_of_any_size_pass_through) {
    std::vector<ResultRow> rows;
    std::string expected;
    for (std::int64_t i = 1; i <= 40; ++i) {
        const std::string text(static_cast<std::size_t>(i) * 13'007, static_cast<char>('a' + i % 26));
        rows.push_back(done("row-" + std::to_string(i), i, "{\"t\":\"" + text + "\"}"));
        expected += "row-" + std::to_string(i) + ",done,,," + text + "\n";
    }
    EXPECT_EQ(written(rows).at("results.csv"), "id,status,error_code,error_message,result.t\n" + expected);
}

}  // namespace
}  // namespace eco2::batch
