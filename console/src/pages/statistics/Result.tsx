import { CheckCircleOutlined, CloseCircleOutlined } from "@ant-design/icons";
import { useTranslation } from "react-i18next";
import { StateTag } from "../../common/StateTag";

/** Whether a call succeeded, in words. */
export function Result({ ok }: { ok: boolean }) {
  const { t } = useTranslation("statistics");
  return (
    <StateTag tone={ok ? "good" : "bad"} icon={ok ? <CheckCircleOutlined /> : <CloseCircleOutlined />}>
      {t(ok ? "calls.ok" : "calls.failed")}
    </StateTag>
  );
}
