//! The few sentences that the core itself says on a screen, in the languages that it knows.

use onecity_protocol::names::Names;

use crate::error::{Error, Refusal};

/// A sentence; `{}` stands for an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    /// The region has never been synced.
    SyncFirst,
    /// {publisher}.
    OtherRegion,
    /// {reason}.
    Withdrawn,
    /// The platform is too old.
    UpdateApp,
    /// {by} {reason}.
    UpdateFirst,
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
        Message::UpdateFirst => [
            "{}要求先更新应用：{}",
            "{} yêu cầu cập nhật ứng dụng trước: {}",
            "{} asks you to update the app first: {}",
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

/// What a refusal says to the resident: what happened, and what to do.
fn refusal(reason: &Refusal) -> ([&'static str; 3], &str) {
    match reason {
        Refusal::LoginState => (
            [
                "这次登录已失效。请重新登录。",
                "Lần đăng nhập này không còn hiệu lực. Hãy đăng nhập lại.",
                "This login no longer counts. Log in again.",
            ],
            "",
        ),
        Refusal::LoginDenied { said: None } => (
            [
                "登录没有成功。请重试，或换一种登录方式。",
                "Đăng nhập không thành công. Hãy thử lại hoặc chọn cách đăng nhập khác.",
                "You were not logged in. Try again, or choose another way to log in.",
            ],
            "",
        ),
        Refusal::LoginDenied { said: Some(words) } => (
            [
                "登录没有成功，认证机构答复：{}",
                "Đăng nhập không thành công. Nơi xác thực trả lời: {}",
                "You were not logged in. The identity provider says: {}",
            ],
            words.as_str(),
        ),
        Refusal::WrongIssuer => (
            [
                "对方的身份与登记不符，为保护您已停止操作。请换一个网络再试。",
                "Bên kia không đúng với tên đã đăng ký nên thao tác đã dừng để bảo vệ bạn. Hãy thử bằng mạng khác.",
                "The other side is not who the registry says. This was stopped to protect you. Try another network.",
            ],
            "",
        ),
        Refusal::WrongNonce => (
            [
                "收到的答复属于另一次登录。请重新登录。",
                "Câu trả lời thuộc về một lần đăng nhập khác. Hãy đăng nhập lại.",
                "The answer belongs to another login. Log in again.",
            ],
            "",
        ),
        Refusal::NotFound => (
            [
                "没有找到。请刷新后重试。",
                "Không tìm thấy. Hãy làm mới rồi thử lại.",
                "It was not found. Refresh and try again.",
            ],
            "",
        ),
        Refusal::NotOffered => (
            [
                "这项服务不在本地区提供。请切换地区或搜索类似的服务。",
                "Dịch vụ này không có ở khu vực này. Hãy đổi khu vực hoặc tìm dịch vụ tương tự.",
                "This is not offered here. Switch to another region, or search for a similar service.",
            ],
            "",
        ),
        Refusal::Withdrawn { why } => (texts(Message::Withdrawn), why.as_str()),
        Refusal::PlatformTooOld => (texts(Message::UpdateApp), ""),
        Refusal::Package { .. } => (
            [
                "该服务的内容不合规定，无法打开。您的手机没有问题，请稍后再试。",
                "Nội dung của dịch vụ này không đúng quy định nên không mở được. Điện thoại của bạn không có lỗi; hãy thử lại sau.",
                "What this service published breaks a rule, so it can't be opened. Your phone is fine. Try again later.",
            ],
            "",
        ),
        Refusal::Consent => (
            [
                "没有您的同意，这项操作不会进行。",
                "Thao tác này không được thực hiện vì bạn chưa đồng ý.",
                "This was not done, because you did not agree to it.",
            ],
            "",
        ),
        Refusal::NotDeclared => (
            [
                "该服务没有申请这项权限。请联系服务的提供者。",
                "Dịch vụ này không xin quyền này. Hãy liên hệ nơi cung cấp dịch vụ.",
                "The service did not ask for this permission. Tell the people who offer the service.",
            ],
            "",
        ),
        Refusal::Issuance { said: None } => (
            [
                "没有办成这张卡。请稍后重试，或咨询签发机关。",
                "Chưa cấp được thẻ. Hãy thử lại sau hoặc hỏi nơi cấp.",
                "The pass was not issued. Try again later, or ask the issuer.",
            ],
            "",
        ),
        Refusal::Issuance { said: Some(words) } => (
            [
                "没有办成这张卡，签发机关答复：{}",
                "Chưa cấp được thẻ. Nơi cấp trả lời: {}",
                "The pass was not issued. The issuer says: {}",
            ],
            words.as_str(),
        ),
        Refusal::PassExpired => (
            [
                "这张卡已过期。请连接网络以更新。",
                "Thẻ này đã hết hạn. Hãy kết nối mạng để gia hạn.",
                "This pass has expired. Connect to a network to renew it.",
            ],
            "",
        ),
        Refusal::PassRevoked => (
            [
                "这张卡已被注销。请咨询签发机关。",
                "Thẻ này đã bị thu hồi. Hãy hỏi nơi cấp.",
                "This pass was revoked. Ask the issuer.",
            ],
            "",
        ),
        Refusal::PassSuspended => (
            [
                "这张卡已停用。请咨询签发机关。",
                "Thẻ này đang bị tạm dừng. Hãy hỏi nơi cấp.",
                "This pass is suspended. Ask the issuer.",
            ],
            "",
        ),
        Refusal::PassKeyGone => (
            [
                "这张卡需要重新领取。请连接网络并登录。",
                "Thẻ này cần được cấp lại. Hãy kết nối mạng và đăng nhập.",
                "This pass has to be issued again. Connect to a network and log in.",
            ],
            "",
        ),
        Refusal::InUse => (
            [
                "应用已在另一处打开。请先关闭它。",
                "Ứng dụng đang mở ở nơi khác. Hãy đóng nơi đó trước.",
                "The app is open somewhere else. Close it there first.",
            ],
            "",
        ),
        Refusal::StorageFull => (
            [
                "手机存储空间已满，内容没有丢失。请清理空间后重试。",
                "Bộ nhớ điện thoại đã đầy; dữ liệu chưa bị mất. Hãy giải phóng bớt rồi thử lại.",
                "The phone's storage is full. Nothing was lost. Free some space and try again.",
            ],
            "",
        ),
        Refusal::Quota => (
            [
                "保存的内容已达上限。请删除一些后重试。",
                "Đã đạt giới hạn lưu trữ. Hãy xóa bớt rồi thử lại.",
                "As much is stored as may be. Remove some and try again.",
            ],
            "",
        ),
        Refusal::VaultDamaged => (
            [
                "手机上的私密数据无法读取，但仍保留着。请按提示恢复。",
                "Không đọc được dữ liệu riêng trên điện thoại, nhưng dữ liệu vẫn còn. Hãy khôi phục theo hướng dẫn.",
                "The private data on this phone can't be read. They are still there: recover them as the app says.",
            ],
            "",
        ),
        Refusal::AlreadySent => (
            [
                "城市可能已经收到，无法在此撤回。请联系城市热线。",
                "Thành phố có thể đã nhận nên không rút lại ở đây được. Hãy gọi đường dây nóng.",
                "The city may have it already, so it can't be taken back here. Call the city's hotline.",
            ],
            "",
        ),
        Refusal::DraftExpired => (
            [
                "这份草稿的二维码已失效。请对方重新出示。",
                "Mã của bản nháp này không còn hiệu lực. Hãy nhờ người kia mở mã mới.",
                "The code for this draft no longer works. Ask for a new one.",
            ],
            "",
        ),
        Refusal::DraftThere => (
            [
                "您在这项服务里已有未提交的表单。请先提交或清除它。",
                "Bạn đang có một biểu mẫu chưa nộp trong dịch vụ này. Hãy nộp hoặc xóa nó trước.",
                "You have begun a form in this service. Hand it in or clear it first.",
            ],
            "",
        ),
        Refusal::DocumentExpired => (
            [
                "这份证件已过期。请重新领取。",
                "Giấy tờ này đã hết hạn. Hãy xin cấp lại.",
                "This document has expired. Get a new one.",
            ],
            "",
        ),
        Refusal::PhoneClock => (
            [
                "请检查手机的日期和时间。如果没有错，请稍后或换一个网络再试。",
                "Hãy kiểm tra ngày giờ trên điện thoại. Nếu đã đúng, hãy thử lại sau hoặc đổi mạng khác.",
                "Check the date and time on this phone. If they are right, try again later or on another network.",
            ],
            "",
        ),
        Refusal::StillWaiting => (
            [
                "还有提交的内容没有发出，现在退出会丢失。请先连接网络。",
                "Còn hồ sơ chưa gửi; nếu đăng xuất bây giờ sẽ mất. Hãy kết nối mạng trước.",
                "Some of what you handed in was not sent yet and would be lost. Connect to a network first.",
            ],
            "",
        ),
    }
}

/// An error with what it says to the resident, in their language.
pub(crate) fn localized(error: Error, languages: &[String]) -> Error {
    match error {
        Error::Refused { reason, text, detail } if text.is_empty() => {
            let (texts, argument) = refusal(&reason);
            let text = said(texts, languages, &[argument]);
            Error::Refused { reason, text, detail }
        }
        other => other,
    }
}

/// A sentence in the first of the resident's languages that it is known in.
pub(crate) fn message(message: Message, languages: &[String], arguments: &[&str]) -> String {
    said(texts(message), languages, arguments)
}

fn said([zh, vi, en]: [&str; 3], languages: &[String], arguments: &[&str]) -> String {
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

    #[test]
    fn every_refusal_says_something_of_its_own_in_three_languages_and_what_the_other_side_said() {
        let denied = Refusal::LoginDenied { said: Some("number unknown".to_owned()) };
        let all = [
            Refusal::LoginState,
            denied.clone(),
            Refusal::LoginDenied { said: None },
            Refusal::WrongIssuer,
            Refusal::WrongNonce,
            Refusal::NotFound,
            Refusal::NotOffered,
            Refusal::Withdrawn { why: "moved".to_owned() },
            Refusal::PlatformTooOld,
            Refusal::Package { rule: None },
            Refusal::Consent,
            Refusal::NotDeclared,
            Refusal::Issuance { said: None },
            Refusal::PassExpired,
            Refusal::PassRevoked,
            Refusal::PassSuspended,
            Refusal::PassKeyGone,
            Refusal::InUse,
            Refusal::StorageFull,
            Refusal::Quota,
            Refusal::VaultDamaged,
            Refusal::AlreadySent,
            Refusal::DraftExpired,
            Refusal::DraftThere,
            Refusal::DocumentExpired,
            Refusal::StillWaiting,
            Refusal::PhoneClock,
        ];
        let text = |reason: &Refusal, language: &str| {
            let error = Error::refused(reason.clone(), "for a log");
            match localized(error, &[language.to_owned()]) {
                Error::Refused { text, detail, .. } => {
                    assert_eq!(detail, "for a log");
                    text
                }
                other => panic!("{other}"),
            }
        };
        let mut said = std::collections::BTreeSet::new();
        for reason in &all {
            for language in ["zh-Hans", "vi", "en"] {
                let text = text(reason, language);
                assert!(!text.is_empty() && !text.contains("{}"), "{reason:?}: {text}");
                assert!(said.insert(text), "{reason:?} in {language} says what another says");
            }
        }
        assert!(text(&denied, "en").ends_with("number unknown"));
    }
}
