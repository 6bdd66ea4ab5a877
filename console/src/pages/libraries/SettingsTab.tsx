import { Button, Col, Flex, Row, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import type { Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { countText } from "../../common/numbers";
import { Loaded } from "../../common/states";
import { RecognitionLogSection } from "./RecognitionLogSection";
import { useLibraryRemoval } from "./removal";
import { Section } from "./Section";
import { ThresholdSection } from "./ThresholdSection";

type Numbers = Schema<"LibraryStatistics">;

interface Properties {
  library: Schema<"ShownLibrary">;
  numbers: { data: Numbers | undefined; error: unknown; isPending: boolean; refetch: () => unknown };
}

/** How a library searches, what it logs, and how it is deleted. */
export function SettingsTab({ library, numbers }: Properties) {
  const { canWork } = usePermissions();
  return (
    <Row gutter={[16, 16]}>
      <Col xs={24} xl={14}>
        <Loaded query={numbers}>{(found) => <ThresholdSection library={library} numbers={found} />}</Loaded>
      </Col>
      <Col xs={24} xl={10}>
        <Flex vertical gap={16}>
          <RecognitionLogSection library={library} />
          {canWork && <DeleteSection library={library} numbers={numbers.data} />}
        </Flex>
      </Col>
    </Row>
  );
}

function DeleteSection({ library, numbers }: { library: Schema<"ShownLibrary">; numbers: Numbers | undefined }) {
  const { t } = useTranslation("libraries");
  const navigate = useNavigate();
  const { remove } = useLibraryRemoval();
  return (
    <Section title={t("delete.menu")}>
      <Flex vertical gap={12}>
        <Typography.Text>
          {numbers
            ? t("delete.content", { people: countText(numbers.people), faces: countText(numbers.faces) })
            : t("delete.contentUnknown")}
        </Typography.Text>
        <Button danger style={{ alignSelf: "start" }} onClick={() => remove(library, numbers, () => void navigate("/libraries"))}>
          {t("delete.menu")}
        </Button>
      </Flex>
    </Section>
  );
}
