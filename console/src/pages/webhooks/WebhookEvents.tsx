import { Flex, Tag, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { LibraryLink } from "../../common/LibraryLink";
import type { Webhook } from "./kinds";

/** What a webhook gets: kinds of events, and of which library. */
export function WebhookEvents({ webhook: { kinds, libraryId } }: { webhook: Webhook }) {
  const { t } = useTranslation("webhooks");
  return (
    <div style={{ maxWidth: 320 }}>
      <Flex gap={4} wrap>
        {kinds.length === 0 && t("allKinds")}
        {kinds.map((kind) => (
          <Tag key={kind} variant="outlined">
            {t(`kinds.${kind}.name`)}
          </Tag>
        ))}
      </Flex>
      {libraryId && (
        <>
          <Typography.Text type="secondary" style={{ display: "block" }}>
            {t("onlyLibrary")}
          </Typography.Text>
          <LibraryLink id={libraryId} />
        </>
      )}
    </div>
  );
}
