//! The few sentences that the core itself says on a screen, in the languages that it knows.

use onecity_protocol::names::Names;

/// A sentence; `{}` stands for an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// The region has never been synced.
    SyncFirst,
    /// {publisher}.
    OtherRegion,
    /// {reason}.
    Withdrawn,
    /// The platform is too old.
    UpdateApp,
    /// {percent}.
    Rollout,
    /// The rollout is paused.
    Paused,
    /// {publisher}.
    Broken,
    /// {publisher}.
    NoSuchService,
    /// The service is for persons.
    NeedsPerson,
    /// The service is for enterprises.
    NeedsEnterprise,
    /// Nothing is installed and there is no network.
    NeedsNetwork,
    /// A submission waits for a network.
    WaitsForNetwork,
    /// A submission waits for a login.
    WaitsForLogin,
    /// A submission waits for a stronger login.
    WaitsForStepUp,
    /// A submission waits for a consent that was taken back.
    WaitsForConsent,
    /// A submission waits for room on the phone.
    WaitsForRoom,
    /// A submission was refused.
    Refused,
    /// The city has something else under a submission's id.
    Conflict,
}

/// Chinese, Vietnamese, English.
fn texts(message: Message) -> [&'static str; 3] {
    match message {
        Message::SyncFirst => [
            "手机上还没有这个地区的数据。请连接网络后重试。",
            "Điện thoại chưa có dữ liệu của khu vực này. Hãy kết nối mạng rồi thử lại.",
            "This region is not on your phone yet. Connect to a network and try again.",
        ],
        Message::OtherRegion => [
            "该服务由{}提供，只在其辖区内使用。请切换到该地区。",
            "Dịch vụ này do {} cung cấp và chỉ dùng tại đó. Hãy chuyển sang khu vực ấy.",
            "{} offers this service for its own area. Switch to that region to use it.",
        ],
        Message::Withdrawn => ["该服务已下架：{}", "Dịch vụ này đã bị gỡ: {}", "This service was withdrawn: {}"],
        Message::UpdateApp => [
            "该服务需要新版应用。请更新应用。",
            "Dịch vụ này cần phiên bản ứng dụng mới hơn. Hãy cập nhật ứng dụng.",
            "This service needs a newer version of the app. Please update the app.",
        ],
        Message::Rollout => [
            "该服务正在逐步开放（目前{}%的手机），很快也会轮到您。",
            "Dịch vụ này đang được mở dần (hiện {}% điện thoại) và sẽ sớm đến lượt bạn.",
            "This service is being opened step by step ({}% of phones so far). Your turn will come.",
        ],
        Message::Paused => [
            "该服务暂停向新用户开放。请稍后再试。",
            "Dịch vụ này tạm ngừng mở cho người dùng mới. Hãy thử lại sau.",
            "This service is not being opened to more phones for the moment. Try again later.",
        ],
        Message::Broken => [
            "无法核实{}发布的内容。您的手机没有问题，我们会自动重试。",
            "Không xác minh được nội dung do {} công bố. Điện thoại của bạn không có lỗi; ứng dụng sẽ tự thử lại.",
            "What {} published can't be verified. Your phone is fine; the app tries again by itself.",
        ],
        Message::NoSuchService => [
            "{}没有提供这项服务。请用搜索查找类似的服务。",
            "{} không cung cấp dịch vụ này. Hãy tìm dịch vụ tương tự bằng ô tìm kiếm.",
            "{} does not offer this service. Search for a similar one.",
        ],
        Message::NeedsPerson => {
            ["请先用个人账户登录。", "Hãy đăng nhập bằng tài khoản cá nhân.", "Log in with a personal account first."]
        }
        Message::NeedsEnterprise => [
            "请先用企业账户登录。",
            "Hãy đăng nhập bằng tài khoản doanh nghiệp.",
            "Log in with an enterprise account first.",
        ],
        Message::WaitsForNetwork => [
            "有网络后会自动发送，无需再操作。",
            "Khi có mạng, ứng dụng sẽ tự gửi; bạn không cần làm gì thêm.",
            "It is sent by itself as soon as there is a network.",
        ],
        Message::WaitsForLogin => [
            "登录后会自动发送。请重新登录。",
            "Sẽ được gửi sau khi đăng nhập. Hãy đăng nhập lại.",
            "It is sent once you have logged in again.",
        ],
        Message::WaitsForStepUp => [
            "城市要求更高级别的身份验证。请打开该服务并按提示登录。",
            "Thành phố yêu cầu xác thực mạnh hơn. Hãy mở dịch vụ và đăng nhập theo hướng dẫn.",
            "The city asks for a stronger login. Open the service and log in as it says.",
        ],
        Message::WaitsForConsent => [
            "您已撤回对该服务的授权。打开服务重新同意，或取消此项。",
            "Bạn đã rút lại sự đồng ý cho dịch vụ này. Hãy mở dịch vụ để đồng ý lại, hoặc hủy mục này.",
            "You took back what you had agreed to. Open the service to agree again, or cancel this.",
        ],
        Message::WaitsForRoom => [
            "手机存储空间已满。请清理空间后重试。",
            "Bộ nhớ điện thoại đã đầy. Hãy giải phóng bớt rồi thử lại.",
            "The phone's storage is full. Free some, and it is sent.",
        ],
        Message::Refused => [
            "请按上述原因修改后，在服务中重新提交。",
            "Hãy sửa theo lý do trên rồi nộp lại trong dịch vụ.",
            "Correct what the reason says and hand it in again in the service.",
        ],
        Message::Conflict => [
            "城市已收到内容不同的同号提交。请拨打热线核实，不要重复提交。",
            "Thành phố đã nhận một hồ sơ khác cùng mã. Hãy gọi đường dây nóng để kiểm tra, đừng nộp lại.",
            "The city has another submission under this number. Call the hotline before handing it in again.",
        ],
        Message::NeedsNetwork => [
            "首次打开需要网络。请连接网络后重试。",
            "Cần có mạng để mở lần đầu. Hãy kết nối mạng rồi thử lại.",
            "Opening it for the first time needs a network. Connect and try again.",
        ],
    }
}

/// A sentence in the first of the resident's languages that it is known in.
pub fn message(message: Message, languages: &[String], arguments: &[&str]) -> String {
    let [zh, vi, en] = texts(message);
    let names = Names::new().with("zh", zh).with("vi", vi).with("en", en);
    let mut parts = names.best(languages).split("{}");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (at, part) in parts.enumerate() {
        text.push_str(arguments.get(at).copied().unwrap_or_default());
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_said_in_the_residents_language_with_what_belongs_in_it() {
        let said = |language: &str| message(Message::Withdrawn, &[language.to_owned()], &["{}"]);
        assert_eq!(said("zh-Hans-CN"), "该服务已下架：{}");
        assert_eq!(said("fr"), "This service was withdrawn: {}");
    }
}
