import { Alert, Divider, Drawer, Flex } from "antd";
import { useTranslation } from "react-i18next";
import { useSessions } from "../../app/session";
import { Part } from "../../common/Part";
import { Loaded } from "../../common/states";
import { SignIns } from "../account/SignIns";
import { OperatorAccess } from "./OperatorAccess";
import { OperatorFace } from "./OperatorFace";
import { OperatorPassword } from "./OperatorPassword";
import { OperatorRole } from "./OperatorRole";
import { type Operator, useOperator } from "./operators";

interface Properties {
  /** Id of the operator; `null`: the drawer is closed. */
  id: string | null;
  /** All operators. */
  all: Operator[];
  onClose: () => void;
}

/** One operator: role, password, face, sessions and tokens, and access. */
export function OperatorDrawer({ id, all, onClose }: Properties) {
  const { t } = useTranslation("operators");
  const name = all.find((operator) => operator.id === id)?.name;
  return (
    <Drawer open={id !== null} onClose={onClose} size="min(680px, 100vw)" title={name ?? t("one")} destroyOnHidden>
      {id !== null && <Content key={id} id={id} all={all} onDeleted={onClose} />}
    </Drawer>
  );
}

function Content({ id, all, onDeleted }: { id: string; all: Operator[]; onDeleted: () => void }) {
  const { t } = useTranslation("operators");
  const { session } = useSessions();
  const read = useOperator(id);
  const isOwn = session?.operatorId === id;
  return (
    <Loaded query={read}>
      {(read) => (
        <Flex vertical gap={8}>
          {isOwn && <Alert type="info" showIcon title={t("ownWarning")} />}
          {read.operator.disabled && <Alert type="warning" showIcon title={t("disabledNow")} />}
          <OperatorRole key={read.revision} read={read} all={all} />
          <Divider />
          <OperatorPassword read={read} />
          <Divider />
          <OperatorFace read={read} />
          <Divider />
          <Part title={t("parts.signIns")} about={t("signInsAbout")}>
            <SignIns kind="session" owner={id} />
            <SignIns kind="token" owner={id} />
          </Part>
          <Divider />
          <OperatorAccess read={read} all={all} onDeleted={onDeleted} />
        </Flex>
      )}
    </Loaded>
  );
}
