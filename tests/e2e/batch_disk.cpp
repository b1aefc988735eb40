#include "e2e/batch_disk.hpp"

#include <signal.h>

namespace eco2::test {

namespace fs = std::filesystem;

std::map<std::string, std::string> BatchDisk::watching(const std::string& words) const {
    return {{"LD_PRELOAD", (build_dir() / "tests" / "eco2_disk_faults.so").string()},
            {"ECO2_DISK_PATHS", words},
            {"ECO2_DISK_FULL", full_flag().string()},
            {"ECO2_DISK_TOLD", told_file().string()}};
}

std::map<std::string, std::string> BatchDisk::watching_all() const {
    return watching(data_dir.string() + ":" + output().string());
}

bool BatchDisk::fail_at(const std::string& fault) {
    SCOPED_TRACE(fault);
    reset_fake();
    forget();
    fs::remove(told_file());
    auto faulty = watching_all();
    faulty["ECO2_DISK_FAULT"] = fault;
    auto ended = run_job(faulty);
    if (!fs::exists(told_file())) {
        return false;
    }
    SCOPED_TRACE(read(told_file()));
    if (ended.exit_code != 0) {
        EXPECT_GT(ended.exit_code, 0) << ended;
        EXPECT_FALSE(ended.err.empty()) << "it does not say why";
        ended = run_job();
    }
    EXPECT_EQ(ended.exit_code, 0) << ended;
    if (ended.exit_code == 0) {
        EXPECT_EQ(results(), undisturbed_);
    }
    expect_all_is_in_order(executed_);
    return true;
}

std::map<std::string, std::string> BatchDisk::power(bool keeps_names) const {
    auto losing = watching_all();
    losing["ECO2_DISK_POWER"] = directory / "lost";
    losing["ECO2_DISK_NAMES"] = keeps_names ? "kept" : "lost";
    fs::remove_all(directory / "lost");
    fs::create_directories(directory / "lost");
    return losing;
}

bool BatchDisk::cut_power_at(const std::string& point, bool keeps_names) {
    SCOPED_TRACE(keeps_names ? "names are kept" : "names are lost");
    return kill_at(point, {}, power(keeps_names));
}

bool BatchDisk::cut_power_at_sync(int number, bool keeps_names) {
    SCOPED_TRACE((keeps_names ? "names are kept, sync " : "names are lost, sync ") + std::to_string(number));
    auto losing = power(keeps_names);
    losing["ECO2_DISK_FAULT"] = "cut:" + std::to_string(number);
    return kill_at("none", {}, losing);
}

}  // namespace eco2::test
