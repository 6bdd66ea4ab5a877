import { Alert, Button, Descriptions, type DescriptionsProps, Drawer, Flex, Grid, theme, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { api, BASE, dataOf, queries } from "../../api/client";
import { useChange } from "../../common/change";
import { LibraryLink } from "../../common/LibraryLink";
import { Loaded } from "../../common/states";
import { Moment } from "../../common/time";
import { DropWrite } from "./DropWrite";
import { isOpen, REFRESH_MS, useEngineName, useErrorText, type Write } from "./engines";
import { WriteState } from "./WriteState";

interface Properties {
  id: string;
  /** What the list knows of it, until it is read. */
  listed: Write | undefined;
  onClose: () => void;
}

/** All that is known of a write, and what can be done about it. */
export function WriteDrawer({ id, listed, onClose }: Properties) {
  const { t } = useTranslation("engines");
  const isWide = Grid.useBreakpoint().sm ?? true;
  const query = queries.useQuery(
    "get",
    "/outbox/{write}",
    { params: { path: { write: id } } },
    {
      placeholderData: listed,
      refetchInterval: ({ state }) => (state.data && isOpen(state.data) ? REFRESH_MS : false),
    },
  );
  return (
    <Drawer open title={t("write.title", { id })} size={isWide ? 560 : "100%"} onClose={onClose}>
      <Loaded query={query}>{(write) => <Details write={write} />}</Loaded>
    </Drawer>
  );
}

function Details({ write }: { write: Write }) {
  const { t } = useTranslation("engines");
  const engineName = useEngineName();
  const errorText = useErrorText();
  const items: DescriptionsProps["items"] = [
    { key: "action", label: t("write.what"), children: t(`actions.${write.action}`) },
    { key: "state", label: t("write.state"), children: <WriteState write={write} /> },
    { key: "engine", label: t("write.engine"), children: engineName(write.engine) },
    { key: "app", label: t("write.app"), children: <span style={{ overflowWrap: "anywhere" }}>{write.appId}</span> },
    { key: "library", label: t("write.library"), children: <LibraryLink id={write.libraryId} /> },
    {
      key: "person",
      label: t("write.person"),
      children: write.personId ? (
        <Link to={`/libraries/${write.libraryId}/people/${write.personId}`}>{write.personId}</Link>
      ) : (
        "—"
      ),
    },
    {
      key: "operation",
      label: t("write.operation"),
      children: <Typography.Text code>{write.operation || "—"}</Typography.Text>,
    },
    { key: "created", label: t("write.created"), children: <Moment at={write.createdAt} /> },
    { key: "attempts", label: t("write.attempts"), children: <span className="number">{write.attempts}</span> },
  ];
  if (write.doneAt) {
    items.push(
      { key: "done", label: t(write.state === "dropped" ? "write.droppedAt" : "write.doneAt"), children: <Moment at={write.doneAt} /> },
      {
        key: "by",
        label: t(write.state === "dropped" ? "write.droppedBy" : "write.doneBy"),
        children: write.doneBy ?? t("write.byItself"),
      },
    );
  }
  if (write.dropReason) items.push({ key: "reason", label: t("write.dropReason"), children: write.dropReason });
  return (
    <Flex vertical gap={16}>
      {write.lastError && (
        <Alert
          type={isOpen(write) ? "error" : "info"}
          showIcon
          title={t("write.lastError")}
          description={<span style={{ overflowWrap: "anywhere" }}>{errorText(write.lastError)}</span>}
        />
      )}
      {write.mayBeDone && <Alert type="warning" showIcon title={t("doubt.title")} description={t("doubt.explained")} />}
      {write.dropReason && isOpen(write) && <Alert type="info" showIcon title={t("write.undoing")} />}
      {isOpen(write) && <Acts write={write} />}
      <Descriptions column={1} size="small" bordered items={items} styles={{ label: { width: 140 } }} />
      {write.hasPicture && <Picture id={write.id} />}
    </Flex>
  );
}

function Picture({ id }: { id: string }) {
  const { t } = useTranslation("engines");
  const { token } = theme.useToken();
  const [hasFailed, setHasFailed] = useState(false);
  if (hasFailed) return <Typography.Text type="secondary">{t("write.noPicture")}</Typography.Text>;
  return (
    <figure style={{ margin: 0 }}>
      <img
        src={`${BASE}/outbox/${id}/picture`}
        alt={t("write.pictureOf", { id })}
        onError={() => setHasFailed(true)}
        style={{ maxWidth: "100%", maxHeight: 360, borderRadius: token.borderRadius }}
      />
      <figcaption style={{ color: token.colorTextDescription }}>{t("write.picture")}</figcaption>
    </figure>
  );
}

function Acts({ write }: { write: Write }) {
  const { t } = useTranslation("engines");
  const [isDropping, setIsDropping] = useState(false);
  const [answer, setAnswer] = useState<boolean | null>(null);
  const { run, isBusy } = useChange(() => dataOf(api.POST("/outbox/{write}/retry", { params: { path: { write: write.id } } })));
  const retry = async () => {
    setAnswer(null);
    const retried = await run(undefined);
    if (retried) setAnswer(retried.output.isDone);
  };
  return (
    <Flex vertical gap={12}>
      {answer === false && <Alert type="warning" showIcon title={t("retry.notDone")} description={t("retry.notDoneAdvice")} />}
      <Flex gap={8}>
        <Button type="primary" loading={isBusy} onClick={() => void retry()}>
          {t("retry.one")}
        </Button>
        <Button danger disabled={isBusy} onClick={() => setIsDropping(true)}>
          {t("drop.action")}
        </Button>
      </Flex>
      <Typography.Text type="secondary">{t("retry.order")}</Typography.Text>
      {isDropping && <DropWrite write={write} onClose={() => setIsDropping(false)} />}
    </Flex>
  );
}
