#pragma once

#include "app/commands.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// `eco2 batch ...`: jobs over the providers' Batch APIs.
namespace eco2::app {

struct BatchOptions {
    std::string input;
    std::string provider;  // empty: the configuration's, or the only one
    std::string output = "results";
    std::string pipeline = "scan";
    std::string model;
    std::string language;
    double cap_usd = -1;   // below 0: the configuration's
    std::string deadline;  // "6h", "90m", "2d"; empty: none
    std::string deadline_action;
    std::int64_t pilot = -1;  // below 0: the configuration's
    bool is_new = false;
    bool is_live = false;  // asked over the routes: no provider with a Batch API is needed
    // columns of a CSV, or keys of JSONL
    std::string id_column, photo_column, url_column, question_column, user_column, label_column;
    // of one job
    std::string job;  // empty: the only one, or all
    std::vector<std::string> classes;
    std::vector<std::string> ids;
    bool is_supervised = false;
};

struct EvalOptions {
    BatchOptions items;
    std::vector<std::string> models;  // empty: the pipeline's first
    bool is_batch = false;            // false: live
};

int evaluate(const CommonOptions& common, const EvalOptions& options);
int batch_estimate(const CommonOptions& common, const BatchOptions& options);
int batch_run(const CommonOptions& common, const BatchOptions& options);
int batch_submit(const CommonOptions& common, const BatchOptions& options);
int batch_status(const CommonOptions& common, const BatchOptions& options);
int batch_watch(const CommonOptions& common, const BatchOptions& options);
int batch_results(const CommonOptions& common, const BatchOptions& options);
int batch_cancel(const CommonOptions& common, const BatchOptions& options);
int batch_retry(const CommonOptions& common, const BatchOptions& options);
int batch_report(const CommonOptions& common, const BatchOptions& options);
int batch_work(const CommonOptions& common, const BatchOptions& options);

}  // namespace eco2::app
